"""The door of the dashboard: who comes in, to what, and how somebody signs in and out.

Imports `services.team`, `identity`, `settings` and starlette. Start with `table`, which says what is opened
to whom; `door` decides by it for every request and websocket, `sign_in` has the routes.
"""
