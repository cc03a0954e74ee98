"""Who judges which takes, blind, and what they say: pairs, votes, scores, raters.

Start with `pairs.to_judge`, then `votes.cast_vote`. What votes mean is worked out elsewhere.
"""
