"""Figures for reports: what moved on accounts and in the whole bank, all of one moment."""
