"""The six steps of an experiment's page: plan, price, canary, run, judge, learn.

Imports services, values and the parts that pages share.
"""
