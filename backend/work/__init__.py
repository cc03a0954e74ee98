"""How due jobs get looked at: threads beside SQLite, tasks on PostgreSQL, one worker's life for both.

May import `services`, and of `store` what brings tasks. Start with `worker.Worker`.
"""
