"""The index of takes: what they are found by, as bits, in blocks of takes in the order of their ids.

`take_index` reads takes into it, `merging` makes few of many old blocks, `kept_rows` remembers what was read.
"""
