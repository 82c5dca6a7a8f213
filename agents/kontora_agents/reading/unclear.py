"""What is said of a value that cannot be taken as it is written."""

from __future__ import annotations


class Unclear(Exception):
    """A value has no reading, or more than one. Its text says what to write instead."""
