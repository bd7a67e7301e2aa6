"""Sums of transactions by day, for accounts and for the whole bank, and the amounts of single payments."""
