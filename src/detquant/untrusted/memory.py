"""A bound on the memory that a library of others takes while it reads a file, where the system has one (Linux)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

resource: ModuleType | None
try:
    import resource
except ImportError:  # on Windows
    resource = None

_STATM = Path("/proc/self/statm")


@contextmanager
def bounded_memory(size: int) -> Iterator[None]:
    """Lets the process have no more than so many bytes on top of what it has: more is an error of whoever asks for it.

    Args:
        size: in bytes.
    """
    if resource is None or not _STATM.exists():
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = int(_STATM.read_text().split()[0]) * resource.getpagesize() + size
    allowed = [most, *(limit for limit in before if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(allowed), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
