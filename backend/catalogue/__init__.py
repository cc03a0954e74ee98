"""The models on offer: what each takes, what it costs, which photos it wants; rules are data.

May import `domain`; knows no provider and no database. Start with `models`: `VideoModel` is one model,
`Catalogue` all of them.
"""
