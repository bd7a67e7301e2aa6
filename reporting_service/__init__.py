"""Reports: it reads the other services, and stores what it has reported."""
