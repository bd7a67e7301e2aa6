"""Payments as customers see them: a projection of the ledger's postings."""
