"""The client of a peer, asked by the harness: a JSON line in, a JSON line out. It ends with its standard input."""

import json
import sys
from collections.abc import Callable
from typing import Any


def serve(orders: dict[str, Callable[[Any], Any]]) -> None:
    """Answer `{"submit": [...]}` and the like with `{"answer": ...}`, or with `{"error": ...}`: to be asked again."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        (name, given), *_ = json.loads(line).items()
        try:
            said = {"answer": orders[name](given)}
        except Exception as error:  # whatever a peer's client raises while its servers are away
            said = {"error": repr(error)}
        print(json.dumps(said), flush=True)
