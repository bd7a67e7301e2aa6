"""Locks, batches, background tasks and thread pools."""
