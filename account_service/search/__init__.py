"""How staff find accounts among all of the bank's."""
