"""Experiments, their cells and trials, pairs and votes, findings.

Each module is one or two tables; imports `models` and `domain`.
"""
