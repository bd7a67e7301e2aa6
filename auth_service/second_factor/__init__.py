"""The second factor of a login: time-based codes and recovery codes."""
