"""People, their sessions, and what was done by whom.

Each module is one table; imports `models` and `domain`.
"""
