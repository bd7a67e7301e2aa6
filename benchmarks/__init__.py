"""Measurements, each beside a reference on the same machine."""
