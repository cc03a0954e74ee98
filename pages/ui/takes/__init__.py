"""How takes are shown and what can be done with them. Imports what `pages.ui` may.

Start with `cards` (a take as data for the components) and `actions` (what the buttons call).
"""
