"""A year of statements as one ZIP, made in the background."""
