"""Two pairs of eyes: reversals that wait until a second person approves them."""
