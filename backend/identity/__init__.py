"""Who somebody is, as a provider says it: sign-in by OpenID Connect, and tokens that were signed elsewhere.

Imports `http`, `domain` and `settings`; knows no database, no route and no page. Start with
`oidc.OidcClient`, one a provider; `assertions.read_token` judges every token.
"""
