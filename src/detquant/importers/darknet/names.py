"""The names of a Darknet net's classes: one a line, in a .names file beside the cfg."""

from __future__ import annotations

from pathlib import Path

from detquant.errors import ModelError
from detquant.untrusted import read_bytes

_MOST_BYTES = 1 << 20


def read_names(cfg: Path, classes: int) -> list[str] | None:
    """The names in `X.names` beside `X.cfg`, else in the only .names file there if it has as many as there are classes.

    Args:
        cfg: the cfg file.
        classes: how many it tells.

    Returns:
        `classes` names, or None if no file has them.

    Raises:
        ModelError: `X.names` cannot be read, or holds another number of names.
    """
    own = cfg.with_suffix(".names")
    if own.is_file():
        names = _lines(own)
        if len(names) != classes:
            raise ModelError(
                f"'{own}' has {len(names)} names, and '{cfg.name}' tells {classes} classes: give one name a line, or "
                "take the file away."
            )
        return names
    others = [file for file in sorted(cfg.parent.glob("*.names")) if file.is_file()]
    if len(others) != 1:
        return None
    names = _lines(others[0])
    return names if len(names) == classes else None  # it belongs to another net


def _lines(path: Path) -> list[str]:
    try:
        text = read_bytes(path, _MOST_BYTES).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror}.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
