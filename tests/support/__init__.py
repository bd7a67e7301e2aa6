"""Shared parts of tests: a bank in one process, real processes, browsers and databases."""
