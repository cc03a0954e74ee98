"""Every call that leaves the program: whom it trusts and by which way it goes, its deadline, its bounds.

Imports `addresses` and `domain`. Start with `outbound.Outbound`, which everybody asks who calls anybody, then
`calls.HttpCall`.
"""
