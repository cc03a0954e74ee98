"""Parts of a plan: what is varied, combinations and their requests, checked all at once.

May import what `experiments` may. Start with `cells.cells_of`.
"""
