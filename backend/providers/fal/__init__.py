"""fal.ai: its queue, its webhooks, its listing and its keys.

Imports what `providers` may. Start with `client.FalProvider`; what fal's answers mean is in `answers`,
pure.
"""
