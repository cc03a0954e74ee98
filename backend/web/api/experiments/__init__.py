"""The API of experiments: plans, runs, pairs and votes, findings, exports.

One file a subject, as in the room above.
"""
