"""Checks the ledger against its own rules, beside the running service or in a backup."""
