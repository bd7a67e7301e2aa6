"""The one public door: pages and /api. No database, no business rule."""
