"""The database itself: opening it, what SQLite and PostgreSQL each do in their own way, locks, the schema.

Imports `domain`, and of `fast` what `engine` puts behind its calls. Start with `engine.Store`.
"""
