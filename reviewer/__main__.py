"""The entry of ``reviewer`` and of ``python -m reviewer``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from reviewer.cli import run
        from reviewer.cli.boundary import interrupt_on_signals

        interrupt_on_signals()
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before the command line's own boundary, or after it
        sys.exit(130)


if __name__ == "__main__":
    main()
