"""What people make of takes: opinions, reviews, tags, projects, collections, the trash; one take or many.

Every change is told to open pages in its own transaction. Start with `edit.edit_take`.
"""
