"""The lists of the staff as CSV, each with the filters and the permission of the list itself."""
