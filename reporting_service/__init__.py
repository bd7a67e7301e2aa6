"""Reports: made from the data of the other services, and stored."""
