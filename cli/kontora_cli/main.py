"""The command `kontora`: where it begins, and how it ends."""

from __future__ import annotations

import json
import os
import sys
import traceback

import typer

from kontora_cli import (
    approvals,
    calls,
    config,
    connectors,
    demo,
    demo_data,
    doctor,
    init,
    ledger,
    models,
    run,
    runs,
    schedules,
    serve,
    worker,
    workflows,
)
from kontora_cli.failures import INTERRUPTED, OK, USAGE, Explained, explain
from kontora_cli.invocation import as_typed, program, said_home
from kontora_cli.processes import Ended

app = typer.Typer(
    name="kontora",
    help="Agents on your own ERP and CRM, on your own models. Results go to stdout, progress to stderr.",
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 waits for approval, 4 configuration, 5 something does not answer, "
    "6 out of time, 7 cancelled or rejected, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for _single in (init.init, demo.demo, run.run, calls.calls, serve.serve, worker.worker, doctor.doctor):
    app.command()(_single)
app.command("demo-data")(demo_data.demo_data)
for _group in (runs, approvals, workflows, connectors, models, schedules, ledger, config):
    app.add_typer(_group.app, name=_group.__name__.rpartition(".")[2], rich_help_panel=None)

#: What typer raises for a command line it does not understand, whichever click it brings.
_USAGE_ERROR = typer.BadParameter.__mro__[1]


_INTERRUPTED = Explained(
    INTERRUPTED, "interrupted", "Interrupted.", "You pressed Ctrl-C.", "What was stored is kept; see kontora runs list."
)


def main() -> None:
    """Run the command line of this process and exit."""
    sys.exit(outcome(sys.argv[1:]))


def outcome(arguments: list[str]) -> int:
    """Run one command; return its exit code. What went wrong is printed, never raised."""
    try:
        code = app(arguments, prog_name=program(), standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer turns Ctrl-C into this
            return _tell(_INTERRUPTED)
        return code if isinstance(code, int) else OK
    except Ended as ended:
        return ended.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _tell(_INTERRUPTED)
    except BrokenPipeError:  # `kontora … | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if os.environ.get("KONTORA_DEBUG"):
            traceback.print_exc()
        return _tell(_usage(error) if isinstance(error, _USAGE_ERROR) else explain(error, said_home()))


def _usage(error: Exception) -> Explained:
    """A command line that makes no sense, in three lines."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else program()
    said = str(getattr(error, "format_message", lambda: error)())
    if type(error).__name__ == "NoArgsIsHelpError":
        print(said, file=sys.stderr)
        said = "No command was given."
    return Explained(USAGE, "usage", "The command line is not understood.", " ".join(said.split()), f"{path} --help")


def _tell(failure: Explained) -> int:
    print(as_typed(failure.lines(), said_home()), file=sys.stderr)
    if "--json" in sys.argv:
        print(json.dumps(failure.document(), ensure_ascii=False, indent=2))
    return failure.exit_code


if __name__ == "__main__":
    main()
