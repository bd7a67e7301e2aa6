"""The pages that people see: a module per section, its forms beside it."""
