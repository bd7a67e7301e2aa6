"""What the tests share: a bank in one process, real processes, browsers, databases."""
