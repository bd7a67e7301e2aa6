"""Passkeys: registration, and login without a password."""
