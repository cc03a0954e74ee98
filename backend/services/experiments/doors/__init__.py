"""Files of experiments: rows of a plan come in, tables of data go out.

May import what `experiments` may. Start with `files.read_rows` and `export.export_table`.
"""
