"""Receipts: one completed payment as a document that proves it."""
