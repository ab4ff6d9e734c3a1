"""The entry of ``reviewer`` and of ``python -m reviewer``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from reviewer.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
