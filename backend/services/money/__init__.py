"""What takes cost: limits checked where the money is reserved, bills, and what was spent.

Start with `budgets`; `quotes` says what a take will cost, `settling` writes its bill, and `charges` decides
what became of it. `double_check` is the second look at the ledger.
"""
