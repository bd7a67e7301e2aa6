"""The vocabulary of every process: errors, money, instants, ids, texts."""
