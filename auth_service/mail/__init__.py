"""Mail: queued with its facts, rendered and sent in the background."""
