"""Databases: engines, transactions, column types, bulk statements, migrations."""
