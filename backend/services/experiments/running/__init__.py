"""What decides which takes of an experiment are made when: the canary, its cap, its share, what stops it.

May import what `experiments` may, but none of its other modules. Start with `cap.Place`.
"""
