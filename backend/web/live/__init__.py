"""What changed, pushed to every open page over a WebSocket of the dashboard's own origin, behind the door.

Imports services. Start with `routes.Live`.
"""
