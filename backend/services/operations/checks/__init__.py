"""What `doctor` asks of one subject each. Imports what services may. Start with `logins`."""
