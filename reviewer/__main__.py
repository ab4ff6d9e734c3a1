"""The entry of ``reviewer`` and of ``python -m reviewer``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from reviewer.cli import run
    from reviewer.cli.boundary import interrupt_on_signals

    interrupt_on_signals()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
