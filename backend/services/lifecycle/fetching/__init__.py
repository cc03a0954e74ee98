"""Bringing a take's files home: which it has, one file's way, what is done about trouble; then the preview.

Imports what its room may. Start with `fetch.fetch_files`.
"""
