"""What was done, by whom: written in the transaction of the deed, never changed, read by admins.

Start with `record`, which every deed calls. Imports `access`, `deps`, `store`, `models` and `domain`.
"""
