"""Where the installation's files lie, a copy of one at hand, and moving all of them elsewhere.

Start with `relocatable`; `migrate` moves everything, `copy_verified` carries one file.
"""
