"""`python -m tests.faults.states URL SEED EXAMPLES STEPS`: the state machine of the ledger, and one JSON line of it."""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import redirect_stdout
from dataclasses import asdict

from tests.ledger_states import play


def main() -> int:
    url, *numbers = sys.argv[1:]
    begin, examples, steps = map(int, numbers)
    try:
        with redirect_stdout(sys.stderr):
            played = play(url, examples=examples, steps=steps, begin=begin)
    except Exception as error:  # the steps that lead there are its notes
        traceback.print_exc()
        told = {"broken": "\n".join(traceback.format_exception_only(error))[-4000:]}
    else:
        told = asdict(played)
    print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
