"""The API of what people make of takes: edits, bulks, collections, projects, exports, what changed.

One file a subject, as in the room above.
"""
