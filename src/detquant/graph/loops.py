"""A run of a graph that has loops, ended where it does not end by itself.

How often a Loop runs may depend on the image, so nothing that is known before says whether it ends, and each round may
add to an output. ONNX Runtime asks between two operators whether it should end, inside loops too: a thread beside the
run looks at the clock and at the memory, and has it end.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import onnxruntime as ort

from detquant.errors import ModelError
from detquant.untrusted import in_units

resource: ModuleType | None
try:
    import resource
except ImportError:  # on Windows, where the clock alone ends a run
    resource = None

LONGEST = 60.0
"""Most seconds that one run may take; detectors take some hundredths."""
MOST_BYTES = 8 << 30
"""Most bytes of memory that one run may take on top of what was taken before."""

_EVERY = 0.05
_LOOPS = (b"Loop", b"Scan", b"SequenceMap")


def has_loops(content: bytes) -> bool:
    """Whether a file of ONNX may have loops: the bytes of such an operator's name, which a name may have too."""
    return any(name in content for name in _LOOPS)


@contextmanager
def bounded() -> Iterator[ort.RunOptions]:
    """Options for one run, which is ended by them after `LONGEST` seconds or `MOST_BYTES`.

    Raises:
        ModelError: it was ended.
    """
    options, done, reasons = ort.RunOptions(), threading.Event(), list[str]()

    def watch() -> None:
        end, most = time.monotonic() + LONGEST, _peak() + MOST_BYTES
        while not done.wait(_EVERY):
            if time.monotonic() > end:
                reasons.append(f"still ran after {LONGEST:g} s")
            elif _peak() > most:
                reasons.append(f"took more than {in_units(MOST_BYTES)}")
            if reasons:
                options.terminate = True
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield options
    except Exception as error:
        if not reasons:
            raise
        raise ModelError(
            f"The model has a loop, and one image {reasons[0]}: the loop may have no end. Check its condition, or "
            "export the model without loops (Loop, Scan) and give that file."
        ) from error
    finally:
        done.set()
        thread.join()


def _peak() -> int:
    """Bytes that this process has had at most; 0 where the system does not say."""
    if resource is None:
        return 0
    taken = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return taken if sys.platform == "darwin" else taken * 1024
