"""What a take costs before it is paid: rules over parameters, as data; no code of a model's own.

May import `domain` and the catalogue's reading of schemas; pure, no database. Start with `quote`:
`quote_by_rule` is the price of one take. `rules` is the format of `prices.json`, `count` how many
units a take is.
"""
