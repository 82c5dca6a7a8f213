"""How agents fare on models that misbehave: the same scenarios for Kontora and for others. `make bench-models`."""
