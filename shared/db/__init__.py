"""The database: engines, transactions, column types, bulk statements, migrations."""
