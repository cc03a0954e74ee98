"""The newest list of models in every process, and when it is fetched.

Start with `live_catalogue`; `refresh_schedule` says when it is fetched and how that goes.
"""
