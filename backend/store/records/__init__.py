"""Small tables with one subject each: files, photos, words, presets, tokens, what the program has learnt.

Each module is one table; imports `models` and `domain`.
"""
