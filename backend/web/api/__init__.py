"""The HTTP API: takes, models, uploads, spend. JSON in and out, bearer tokens.

May import what `web` may. Start with `routes.py`; one file a subject, each with its routes and its answers.
"""
