"""The prompt's template on the Style page: its text, variables and versions. Start with `editor`."""
