"""The schema's life: brought to the newest, copied while it is used, moved to a server.

Start with `migrate.migrate_schema`.
"""
