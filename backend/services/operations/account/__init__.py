"""The account at each provider: what is left on it, and for how long."""
