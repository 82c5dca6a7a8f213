"""A worker of an older Kontora that has a run while the ledger is upgraded: `python -m tests.older_worker URL`.

It says "holding" when it is in the middle of a step, goes on when it is spoken to, and then tells what became of it.
"""

from __future__ import annotations

import json
import sys
import threading

from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.database import LedgerTooNew

from tests.office import office
from tests.test_engine import READING
from tests.test_engine_stops import SLOW, wait_for


def main(url: str) -> None:
    """Hold a run, let it end, try to take another one and to open the ledger again."""
    with office(url) as here:
        held, other = here.start(SLOW), here.start(READING)
        here.notebook.slow.clear()
        work = threading.Thread(target=here.worker("old").work, args=(held.id,))
        work.start()
        wait_for(lambda: "slow_list" in here.notebook.asked)
        print("holding", flush=True)
        sys.stdin.readline()
        here.notebook.slow.set()
        work.join()
        begun = here.start(READING)  # somebody asks the older API for a run
        took = here.worker("old").work(other.id)
        document = {"held": held.id, "other": other.id, "begun": begun.id, "took": took, "said": said(url)}
    print(json.dumps(document), flush=True)


def said(url: str) -> str:
    """What is said to whoever opens the ledger."""
    try:
        Ledger(url).close()
    except LedgerTooNew as error:
        return error.message
    return "nothing"


if __name__ == "__main__":
    main(sys.argv[1])
