"""What the form of takes remembers for each person: what is in it, and what was asked for before.

Start with `drafts.save_draft`.
"""
