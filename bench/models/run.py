"""`make bench-models`: this file only finds its packages; see bench/models/README.md."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from bench.models.command_line import main  # noqa: E402  # started as a file, Python looks for packages beside it

if __name__ == "__main__":
    sys.exit(main())
