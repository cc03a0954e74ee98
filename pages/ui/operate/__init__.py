"""Parts of the pages for those who run the studio. Imports what `pages.ui` may.

One module a part: `health` and `deliveries` for Operations, `models_table` for Models, two editors for Style.
"""
