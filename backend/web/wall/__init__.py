"""The dashboard's own routes for its wall of takes, behind the door: the same services as the API's.

Imports services, `web.door` and the schemas of `web.api`. Start with `routes`.
"""
