"""Custom reports: a choice of accounts, period, types and grouping that a user keeps under a name and runs again."""
