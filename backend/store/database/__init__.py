"""The database itself: opening it, what SQLite and PostgreSQL each do in their own way, locks, the schema.

Imports `domain` and `fast.group_commit`. Start with `engine.Store`.
"""
