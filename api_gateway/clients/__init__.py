"""Clients for the four services, with the models of their responses."""
