"""The sidecar's routes (webhooks, API, media, health) and the dashboard's own.

May import `services`, `models`, `settings` and `domain`. Start with `app.create_app`; one file a subject.
"""
