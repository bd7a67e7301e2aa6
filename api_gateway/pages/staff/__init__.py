"""The pages of employees and admins."""
