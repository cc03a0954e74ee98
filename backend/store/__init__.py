"""What is known, kept: every statement that the program sends to a database.

May import `models` and `domain`; functions take a session first and never commit. Start with
`database.engine.Store` (the only ways in) and `jobs.jobs`.
"""
