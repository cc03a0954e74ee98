"""Experiments: planned, run, judged."""
