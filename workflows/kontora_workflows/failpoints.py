"""Places where a test lets a process die, raise or sleep. Nothing happens unless somebody armed them.

Every transaction on the ledger has two (`<name>.before` and `<name>.after` its commit), and so has every step out of
the process: a tool call, a question to a model, a message to the broker.
"""

from __future__ import annotations

from collections.abc import Callable

#: What is done at a place; None in every process but a test's.
_hook: Callable[[str], None] | None = None


def arm(hook: Callable[[str], None] | None) -> None:
    """Let `hook` be called with the name of every place that is passed; None disarms."""
    global _hook
    _hook = hook


def passing(name: str) -> None:
    """Say that a place is passed."""
    if _hook is not None:
        _hook(name)
