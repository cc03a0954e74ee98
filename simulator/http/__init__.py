"""The routes, one file a resource. They are given an installation and import the engine, never the app.

Start at `submit`: it is where a request comes in, and where most faults are.
"""
