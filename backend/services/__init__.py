"""The use cases: what pages, routes and the worker do. Only here are transactions opened."""
