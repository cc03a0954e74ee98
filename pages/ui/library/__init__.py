"""Parts of the gallery: its filters, chips and saved views.

Imports services, values and the parts that pages share.
"""
