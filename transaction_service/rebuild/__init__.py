"""Make the transaction database anew from the ledger."""
