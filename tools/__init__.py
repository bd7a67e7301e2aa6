"""Development tools: the documentation site, its API reference, and screenshots."""
