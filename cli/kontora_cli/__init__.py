"""Floor 5: the command `kontora`."""
