"""The program: `detquant`, and `python -m detquant`.

The command line is imported inside, so that Ctrl-C in the first half second is as quiet as it is later.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command that the process was given; the exit codes are those of `detquant.cli.main`."""
    try:
        from detquant.cli import main as run

        return run()
    except KeyboardInterrupt:  # while importing: whatever comes later, the command line answers itself
        print("detquant: Interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
