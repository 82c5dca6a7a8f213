"""How the demo ends: one document, and the same as a panel for people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from kontora_cli.invocation import command, from_here
from kontora_cli.output import facts, fancy

REHEARSAL = "rehearsal: scripted, not a language model"


def document(
    run: dict[str, Any], waiting: list[dict[str, Any]], paths: list[Path], *, seconds: float
) -> dict[str, Any]:
    """What the demo did, for programs."""
    return {
        "run": run["id"],
        "workflow": run["workflow"],
        "state": run["state"],
        "waiting_for": run["waiting_for"],
        "error": run["error"],
        "inputs": run["inputs"],
        "figures": run["figures"],
        "artifacts": [{"name": path.name, "path": str(path)} for path in paths],
        "counts": {
            "tool_calls": run["tool_calls"],
            "entries": run["entries"],
            "items": sum(run["children"].values()),
            "approvals_waiting": run["approvals_waiting"],
        },
        "model": {
            "names": [model["name"] for model in run["models"]],
            "rehearsal": run["rehearsal"],
            "note": REHEARSAL if run["rehearsal"] else "",
        },
        "approvals": [{"id": one["id"], "title": one["title"], "tool": one["tool"]} for one in waiting],
        "seconds": round(seconds, 1),
    }


def panel(said: dict[str, Any], home: Path) -> str:
    """The same for people, with what to type next."""
    kontora = command(home)
    counts, model = said["counts"], said["model"]
    waits = f"{counts['approvals_waiting']} reminders wait for a yes; nothing is written before it"
    pairs = [
        ("state", f"{said['state']}{' for a person' if counts['approvals_waiting'] else ''}"),
        ("because", said["error"]["message"] if said["error"] else None),
        ("next", said["error"]["hint"] if said["error"] else None),
        *((figure["label"], figure["value"]) for figure in said["figures"]),
        *(("report", from_here(Path(one["path"]))) for one in said["artifacts"]),
        ("agents", model["note"] or ", ".join(model["names"])),
        ("ledger", f"{counts['tool_calls']} tool calls, each written down before it was made"),
        ("approvals", waits if counts["approvals_waiting"] else None),
    ]
    first = said["approvals"][0]["id"] if said["approvals"] else None
    later = [
        (f"{kontora} calls {said['run']}", "every tool call of this run"),
        (f"{kontora} approvals show {first}", "the exact call that waits") if first else None,
        (f"{kontora} approvals approve {first}", "say yes to it") if first else None,
        (f"{kontora} worker --until-idle", "let approved runs go on") if first else None,
        (f"{kontora} ledger verify", "recompute every hash"),
        (f"{kontora} serve --with-worker", "open API and worker on the same data"),
    ]
    commands = [pair for pair in later if pair]
    width = max(len(line) for line, _ in commands)
    body = f"{facts(pairs)}\n\n" + "\n".join(f"{line.ljust(width)}  # {why}" for line, why in commands)
    return _framed(body, f"{said['run']}  in {said['seconds']} s") if fancy(sys.stdout) else body


def _framed(body: str, title: str) -> str:
    """A frame around a text, as wide as the text: what is to be copied stays on one line."""
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    width = max(map(len, [title, *body.splitlines()])) + 4
    console = Console(width=width, force_terminal=True)
    with console.capture() as captured:
        console.print(Panel(Text(body), title=title, border_style="green", width=width))
    return captured.get().rstrip()
