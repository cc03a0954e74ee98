"""What people make of takes: opinions, tags, projects, collections, views, drafts, and what was edited.

Each module is one table, or two that are one subject; imports `models` and `domain`.
"""
