"""A Celery worker as a process that ends with its standard input. `python -m bench.celery_worker`."""

from __future__ import annotations

import subprocess
import sys

from bench.worker import PROCESSES


def main() -> None:
    options = [f"--concurrency={PROCESSES}", "--loglevel=WARNING", "--without-gossip", "--without-mingle"]
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "bench.celery_loop", "worker", *options]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) as worker:
        print('{"ready": true}', flush=True)
        sys.stdin.read()
        worker.terminate()


if __name__ == "__main__":
    main()
