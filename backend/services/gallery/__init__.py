"""What pages and routes show of takes: lists, one take, links to its files.

Changes nothing. Start with `takes.list_takes`.
"""
