"""The team: tokens of people and programs, people and their roles, sessions.

Start with `tokens`: who a call of the HTTP API comes from. Imports `audit`, `access`, `deps`, `store`,
`models` and `domain`.
"""
