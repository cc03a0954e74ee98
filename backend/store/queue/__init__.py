"""On PostgreSQL: tasks that tell workers what is due, and who of them keeps the time.

Start with `tasks.TaskQueue`.
"""
