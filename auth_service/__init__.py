"""The auth service: users, sessions and tokens."""
