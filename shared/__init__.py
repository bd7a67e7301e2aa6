"""What a program of another trade could use unchanged: no banking noun lives here."""
