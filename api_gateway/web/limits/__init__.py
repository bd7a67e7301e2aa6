"""Limits of the gateway: rates, requests at a time, slow bodies."""
