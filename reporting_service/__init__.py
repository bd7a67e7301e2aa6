"""Reads the others, stores reports."""
