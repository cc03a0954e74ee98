"""The use cases: what people, scripts and workers do with takes.

May import `store`, `providers`, `media`, `catalogue`, `models`, `settings` and `domain`; nobody below knows
it. The only place that opens database sessions. Start with `takes.create`, then follow
`lifecycle.dispatch`.
"""
