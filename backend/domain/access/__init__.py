"""Who may do what: roles, what can be done, scopes of tokens, the way by which somebody comes.

The standard library alone. Start with `roles`: the table of what each role may do.
"""
