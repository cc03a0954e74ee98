"""On PostgreSQL: tasks that tell workers what is due, and which worker is the leader.

Start with `tasks.TaskQueue`.
"""
