"""Validate what comes in, and document it with OpenAPI."""
