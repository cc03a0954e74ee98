"""The commands of `python -m backend` by subject, which `cli` offers; the work is done in services.

May import services, web and bootstrap. Start with `cli.app`.
"""
