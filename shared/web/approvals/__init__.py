"""Approval by a second person (the four-eyes principle): a request waits until somebody else decides on it."""
