"""What every Flask app is made of, and how it is served."""
