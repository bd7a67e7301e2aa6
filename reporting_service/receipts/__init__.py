"""Receipts: documents that prove one completed payment."""
