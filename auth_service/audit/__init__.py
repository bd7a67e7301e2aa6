"""The audit trail of the whole bank: who did or saw what, on whom, when and from where."""
