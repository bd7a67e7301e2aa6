"""Measurements, each side by side with something else on the same machine."""
