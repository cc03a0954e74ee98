"""What votes on takes say of prompts: pure functions over arrays, without a database, a clock or a network.

Deterministic: the same votes give the same numbers. Imports NumPy and the standard library alone. Start with
`finding.fit`.
"""
