"""The pages of the web site: a module per section, its forms beside it."""
