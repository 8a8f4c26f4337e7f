"""Standard output and error, whatever they are: of any encoding, closed, full, or read by nobody."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

from detquant.report.plain import WRITTEN_OUT


class Watched:
    """A stream that remembers why it did not take something: without a buffer that is known of the error alone.

    Args:
        stream: the stream that is written to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO = stream._stream if isinstance(stream, Watched) else stream
        self.failed: OSError | None = None

    def write(self, text: str) -> int:
        """Writes text to the stream; an error is kept in `failed` and raised."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self.failed = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def make_ready() -> None:
    """Text that a stream cannot show is written out in ASCII instead of failing; a closed stream swallows all."""
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = cast(TextIO, Watched(_tolerant(sys.stdout)))
    sys.stderr = _tolerant(sys.stderr)


def _tolerant(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=WRITTEN_OUT)
    return stream


def let_go() -> OSError | None:
    """Sends what the streams still hold, or drops it where they do not take it: the interpreter would complain of it.

    Returns:
        Why standard output did not take it, or None.
    """
    failed = _sent(sys.stdout)
    _sent(sys.stderr)
    return failed or (sys.stdout.failed if isinstance(sys.stdout, Watched) else None)


def _sent(stream: TextIO) -> OSError | None:
    try:
        stream.flush()
    except OSError as error:
        with suppress(OSError, ValueError):  # a stream of a test has no number
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            stream.flush()
        return error
    return None
