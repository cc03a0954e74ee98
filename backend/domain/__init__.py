"""What is true whatever the database, the provider or the screen: states, events, policy, errors, text.

The standard library alone. Start with `states`: the life of a job is its one table.
"""
