"""Jobs: added, claimed, moved by one guarded update, and the deliveries that move them.

Start with `jobs.advance`; the update itself is in `transitions`.
"""
