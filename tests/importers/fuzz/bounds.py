"""What reading a file may not do, whatever is in it: run something, or take time and memory without end."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

from detquant.errors import DetquantError

MEBIBYTE = 2**20
_FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "subprocess.Popen", "pty.spawn"),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.putenv", "os.chmod", "os.link", "os.symlink", "shutil."),
    *("socket.connect", "urllib.Request", "pickle.find_class", "ctypes.", "webbrowser.open"),
)
_events: list[str] | None = None


_COPIES = str(Path(tempfile.gettempdir(), "detquant-"))
"""How the names of folders begin that a reader makes for itself, and takes away again."""


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _events is None or not (event.startswith(_FORBIDDEN) or (event == "open" and _writes(arguments))):
        return
    if not _of_a_copy(event, arguments):
        _events.append(f"{event} {arguments!r}"[:200])


def _of_a_copy(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether this happens in such a folder; what is taken away from it is named from within."""
    names = [os.fsdecode(one) for one in arguments if isinstance(one, (str, bytes, os.PathLike))]
    within = event in ("os.remove", "os.rmdir") and not os.path.isabs(names[0])
    return within or any(name.startswith(_COPIES) for name in names)


def _writes(arguments: tuple[object, ...]) -> bool:
    return isinstance(arguments[1], str) and not set(arguments[1]).isdisjoint("wax+")


sys.addaudithook(_audit)  # for ever, but idle outside of `watched`


@contextlib.contextmanager
def watched(seconds: float, mebibytes: float) -> Iterator[None]:
    """Fails where the body ran something, or took more processor time or more memory at a time."""
    global _events
    _events = events = []
    tracemalloc.start()
    begun = time.thread_time()
    try:
        yield
    finally:
        taken = time.thread_time() - begun
        peak = tracemalloc.get_traced_memory()[1] / MEBIBYTE
        tracemalloc.stop()
        _events = None
    assert not events, f"something was run: {events}"
    assert taken < seconds, f"{taken:.1f} s of the processor"
    assert peak < mebibytes, f"{peak:.0f} MiB at a time"


def read(reader: Callable[[], object], size: int, seconds: float = 10.0, factor: float = 200.0) -> object:
    """What a reader makes of a file: a value or a sentence.

    Args:
        reader: reads.
        size: bytes of the file.
        seconds: of the processor, at most.
        factor: bytes in memory for one of the file, at most; 16 MiB are free.
    """
    with watched(seconds, 16 + factor * size / MEBIBYTE):
        try:
            return reader()
        except DetquantError as error:
            sentence = str(error)
            assert sentence and "\n" not in sentence and sentence.isprintable() and len(sentence) < 1200
            return error
