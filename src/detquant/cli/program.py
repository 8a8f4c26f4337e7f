"""The program: a command line goes in, an exit code comes out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from detquant.cli.app import app
from detquant.errors import DetquantError

UNREAD, FAILED, INTERRUPTED = 1, 2, 130
RESUMABLE = ("quantize", "demo", "fetch", "workflow")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: without the program's name; by default those of the process.

    Returns:
        The exit code: 0; 1 when nobody reads the output; 2 for anything the user can act on, said in one
        sentence on stderr; 130 when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
    except KeyboardInterrupt:
        again = ": run the same command again to resume" if arguments and arguments[0] in RESUMABLE else ""
        return _say(f"Interrupted{again}.", INTERRUPTED)
    except BrokenPipeError:  # `detquant plan ... | head`: nobody reads on, so there is no one to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except (DetquantError, CycloptsError) as error:
        return _say(str(error), FAILED)
    except OSError as error:
        place = f"'{error.filename}': " if error.filename else ""
        return _say(f"{place}{error.strerror or error}.", FAILED)
    return 0


def _say(message: str, code: int) -> int:
    """One line on stderr, whatever the message was made from."""
    print("detquant:", " ".join(line.strip() for line in message.splitlines()), file=sys.stderr)
    return code
