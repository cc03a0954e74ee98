"""Who renders: what every provider promises (`base`), and those there are.

May import `catalogue`, `http`, `models` and `domain`; knows neither the database nor files. Each tries
once: a retry is a row that is due again.
"""
