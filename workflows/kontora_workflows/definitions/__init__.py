"""What a definition is made of: its literals, its places in a file, its types, and what can be wrong with it."""
