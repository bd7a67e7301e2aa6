"""Figures for reports: what moved on accounts and in the whole bank, read from one snapshot."""
