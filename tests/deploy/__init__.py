"""What deploy/ ships, put to work as far as a machine without containers can: linted, nginx really run."""
