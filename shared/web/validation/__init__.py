"""Validation of requests, and their documentation as OpenAPI."""
