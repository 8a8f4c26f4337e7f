"""The program: a command line goes in, an exit code comes out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from detquant.cli import streams, unforeseen
from detquant.cli.app import app
from detquant.errors import DetquantError

UNREAD, UNFORESEEN, FAILED, INTERRUPTED = 1, 1, 2, 130
RESUMABLE = ("quantize", "demo", "fetch", "workflow")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: without the program's name; by default those of the process.

    Returns:
        The exit code: 0; 1 when nobody reads the output, and when something happened that nobody foresaw; 2 for
        anything the user can act on, said in one sentence on stderr; 130 when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    streams.make_ready()
    code = _run(arguments)
    unsent = streams.let_go()
    return _unsent(unsent) if unsent and not code else code


def _run(arguments: Sequence[str]) -> int:
    """The command; each way in which it can end as an exit code."""
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        command(*bound.args, **bound.kwargs)
    except KeyboardInterrupt:
        again = ": run the same command again to resume" if arguments and arguments[0] in RESUMABLE else ""
        return _say(f"Interrupted{again}.", INTERRUPTED)
    except BrokenPipeError:  # `detquant plan ... | head`: nobody reads on, so there is no one to tell
        return UNREAD
    except (DetquantError, CycloptsError) as error:
        return _say(str(error), FAILED)
    except OSError as error:
        if unsent := streams.let_go():  # it was standard output that did not take what it was given
            return _unsent(unsent)
        place = f"'{error.filename}': " if error.filename else ""
        return _say(f"{place}{error.strerror or error}.", FAILED)
    except Exception as error:
        if unforeseen.is_shown():
            raise
        return _say(unforeseen.explain(error, arguments), UNFORESEEN)
    return 0


def _unsent(error: OSError) -> int:
    """Standard output did not take what it was given."""
    if isinstance(error, BrokenPipeError):
        return UNREAD
    return _say(f"Standard output could not be written: {error.strerror or error}.", FAILED)


def _say(message: str, code: int) -> int:
    """Prints one line on stderr, whatever the message was made from; where stderr takes none, the code has to do."""
    line = " ".join(line.strip() for line in message.splitlines())
    try:
        print("detquant:", line, file=sys.stderr, flush=True)
    except OSError:
        streams.let_go()
    return code
