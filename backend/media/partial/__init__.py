"""Files on their way: written, hashed and fenced while they arrive, resumed after a crash.

Imports `domain` alone. Start with `partial_file.PartialFile`.
"""
