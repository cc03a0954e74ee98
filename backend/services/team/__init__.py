"""The team: people and their roles, sessions of browsers, tokens of people and programs.

Start with `visitors` (who is at the dashboard) and `tokens` (who a call of the HTTP API comes from). Imports
`audit`, `access`, `deps`, `store`, `models`, `domain` and `settings`.
"""
