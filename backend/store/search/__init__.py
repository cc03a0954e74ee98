"""Takes found by words and filters, newest first, in time that doesn't grow with history.

Start with `pages.page`; `query` joins the filters, `text_index` knows the words.
"""
