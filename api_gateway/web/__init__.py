"""Web infrastructure in front of the views: sessions, limits, admission, headers, compression, static files."""
