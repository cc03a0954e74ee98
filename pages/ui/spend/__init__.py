"""Parts of the Spend page: what is asked for, charts, the table with its files, statements of months.

Start with `choices`.
"""
