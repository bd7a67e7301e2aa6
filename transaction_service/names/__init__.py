"""The names of account holders beside the transactions that people read."""
