"""Rebuild the transaction database from the ledger."""
