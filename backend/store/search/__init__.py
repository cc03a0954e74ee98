"""Takes found by words and filters, in any order, in time that hardly grows with history.

Start with `pages.find_page`, which is given a `query.TakeQuery`. `matches` is the plain rule of what fits.
`find` and `ranking` answer it for all takes at once, by the index of takes, which sweeps keep: blocks
of takes in the order of their ids, and in each, by bits, who has which key. All else stays inside.
"""
