"""Experiments: plans of many takes, made in waves under a cap, judged in pairs, and what that says.

Cells are ordinary jobs, made by `takes.create`. Start with `plan.parse_plan`, then `waves.make_wave`.
"""
