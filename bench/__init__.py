"""Measures Kontora against a plain AutoGen loop; judges nothing."""
