"""What open pages are told: takes as cards, and which of them changed since.

Knows nothing of the kit that draws them. Start with `cards.cards_json`.
"""
