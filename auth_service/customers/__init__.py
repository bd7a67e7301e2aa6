"""Customers as the bank's staff see and help them: search, contact data, sessions, lockouts and notes."""
