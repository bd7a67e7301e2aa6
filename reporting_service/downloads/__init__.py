"""Reports to download: the same tables as CSV and as PDF."""
