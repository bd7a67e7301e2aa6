"""Accounts and the ledger: the only place where a balance changes."""
