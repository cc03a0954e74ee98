"""What an experiment cost and how long it took, and all that was learnt, as one file to hand on.

Imports what services of experiments import. Start with `report.write_report`.
"""
