"""What happens to a request: accepted, run, over, its webhooks sent; all of it written down in the ledger.

It imports `paint` and nothing of HTTP's routes. Start at `queue`.
"""
