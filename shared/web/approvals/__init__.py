"""Two pairs of eyes: what one person asks for waits until a second one approves or rejects it."""
