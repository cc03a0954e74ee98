"""Experiments, as values: their states, what may be varied, and how seeds are given.

The standard library alone. Start with `words.ExperimentState`.
"""
