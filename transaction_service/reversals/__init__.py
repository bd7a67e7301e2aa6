"""Undoing payments: reversals, suspense, and requests that wait for a second person."""
