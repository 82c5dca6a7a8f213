"""Durable agents of others, each as its documentation shows it, in an environment of its own.

Nothing here imports Kontora. `NAME.txt` pins what `NAME_side.py` needs; see `bench/README.md`.
"""
