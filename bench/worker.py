"""`kontora worker` as a process that ends with its standard input. `python -m bench.worker`."""

from __future__ import annotations

import os
import sys
import threading

from kontora_worker.house import House
from kontora_worker.settings import load_settings
from kontora_worker.supervisor import Supervisor

#: Worker processes in the pool; as a rule as many as the baseline has.
PROCESSES = int(os.environ.get("BENCH_POOL", "2"))


def main() -> None:
    house = House(load_settings())
    supervisor = Supervisor(house, concurrency=PROCESSES)
    threading.Thread(target=_stop_with_input, args=(supervisor,), daemon=True).start()
    print('{"ready": true}', flush=True)
    supervisor.run()
    house.close()


def _stop_with_input(supervisor: Supervisor) -> None:
    sys.stdin.read()
    supervisor.stop()


if __name__ == "__main__":
    main()
