"""Mail: queued with what it tells, written and sent in the background."""
