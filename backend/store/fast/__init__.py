"""What makes starts and deliveries fast; `README.md` says what it buys and how to do without it.

Imports `database`, `models` and `domain`.
"""
