"""The public entrance: pages and /api. It has no database and no business rule."""
