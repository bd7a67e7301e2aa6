"""Tokens, passwords, secret files and the data directory."""
