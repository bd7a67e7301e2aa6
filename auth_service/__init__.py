"""People, sessions, tokens."""
