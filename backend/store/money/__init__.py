"""The ledger of what takes cost, and sums over it that don't grow with history.

Start with `ledger`.
"""
