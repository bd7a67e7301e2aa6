"""Documents to download: how they are kept while they are written, laid out on pages, and sent."""
