"""What takes cost: limits checked where the money is reserved, and what was spent.

Start with `budgets`; `prices` says what one take costs.
"""
