"""Who one is, sessions, tokens, and people as an admin sees them: the parts of the pages of the team."""
