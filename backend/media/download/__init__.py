"""From a link to a file on its way: which addresses may be reached, one checked connection, a deadline.

Imports `partial` and `domain`. Start with `download.download_file`.
"""
