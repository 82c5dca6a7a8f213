"""Floor 3: what runs in the background, and the one place where the house is wired."""
