"""The program: `detquant`, and `python -m detquant`.

The command line is imported inside, so that Ctrl-C in the first half second is as quiet as it is later.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Runs the command that the process was given; the exit codes are those of `detquant.cli.main`."""
    try:
        _occupy_standard_streams()
        from detquant.cli import main as run

        code = run()
        # All is said and written. Who interrupts what is left, libraries that are being shut down, would be told by an
        # exit code of 130 and no word that the command did not come to its end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return code
    except KeyboardInterrupt:  # while importing or ending: whatever comes between, the command line answers itself
        print("detquant: Interrupted.", file=sys.stderr)
        return 130
    except ImportError as error:
        if os.environ.get("DETQUANT_DEBUG"):
            raise
        print(f"detquant: It is not installed as a whole ({error}): install it again.", file=sys.stderr)
        return 2


def _occupy_standard_streams() -> None:
    """Opens those of the numbers 0, 1 and 2 that are closed (`>&-`).

    The next file that is opened would get the number, and what libraries write to standard output would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    sys.exit(main())
