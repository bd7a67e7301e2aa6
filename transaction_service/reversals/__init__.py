"""Two pairs of eyes: reversals that wait until a second admin approves them."""
