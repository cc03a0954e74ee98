"""The last step of an experiment: its verdict, what to get next, what single values do, and its files.

Imports services, values and the parts that pages share. Start with `learn.draw_learn`.
"""
