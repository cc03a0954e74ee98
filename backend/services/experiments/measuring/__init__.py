"""What machines measure of an experiment's files. It flags, and doesn't vote. Start with `file_checks`."""
