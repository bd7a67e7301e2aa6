"""Basic types of all processes: errors, money, instants, ids and texts."""
