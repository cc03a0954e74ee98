"""Jobs: read, claimed, moved by one guarded update, and the inbox of deliveries.

Start with `jobs.advance`; its update is in `transitions`, and `fast` puts new jobs in.
"""
