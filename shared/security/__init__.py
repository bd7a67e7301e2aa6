"""Tokens, passwords, secrets and the data directory."""
