"""What ends an agent's or a team's work before it has answered."""

from __future__ import annotations


class LimitReached(Exception):
    """A limit of the definition, by its name, is used up: the step ends with what was reached so far."""
