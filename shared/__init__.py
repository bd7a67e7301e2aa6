"""Technical code that knows nothing of banking, in layers that docs/ARCHITECTURE.md names."""
