"""Statements of accounts: one model of a statement, and a writer for each format."""
