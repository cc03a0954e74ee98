"""Takes found by words and filters, newest first, in time that doesn't grow with history.

Start with `pages.find_page`, which is given a `query.TakeQuery`. `index_search` answers what crosses indexes,
by the index of words, which sweeps keep with `text_index`; all else stays inside.
"""
