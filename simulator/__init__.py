"""fal.ai and Blackbox, simulated: queue, webhooks, uploads, listing, media; over real HTTP, with real videos.

The demo runs on it without a key; tests put it behind the real client code. It imports nothing of the
backend. Arrows point down: `app` and `server` assemble, `http` answers, `engine` decides, `paint` draws.
Start at `app`; what can be made to go wrong is the table in `engine.faults`.
"""
