"""What ncnn's two files look like: known to what reads them and to what writes them.

``.param`` lists layers in text, see `detquant.targets.ncnn.param_file`; ``.bin`` holds their weights one after the
other. ncnn reads as many as its layers ask for and no further, so detquant puts there, behind the last of them, what
the model says about itself: a JSON object of texts, its length in eight bytes, and `MARK`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from detquant.untrusted import parse_json

MAGIC = 7767517
LIST = -23300
FLOAT, HALF, INT8 = 0, 0x01306B47, 0x000D4B38
"""Tags of weights."""
FEATMASK = 31
"""The parameter of every layer that says what it is not to use."""
MARK = b"detquant"
_LENGTH = 8


def with_metadata(weights: bytes, entries: Mapping[str, str]) -> bytes:
    """The contents of ``.bin`` with entries behind the weights."""
    text = json.dumps(dict(sorted(entries.items())), ensure_ascii=False).encode("utf-8", "replace")
    return weights + text + len(text).to_bytes(_LENGTH, "little") + MARK


def split_metadata(content: bytes) -> tuple[bytes, dict[str, str]]:
    """The weights of ``.bin`` and the entries behind them.

    Raises:
        ValueError: there are none, so detquant did not write it; a sentence without its full stop.
    """
    tail = _LENGTH + len(MARK)
    if len(content) < tail or not content.endswith(MARK):
        raise ValueError("detquant did not write it")
    length = int.from_bytes(content[-tail : -len(MARK)], "little")
    if length > len(content) - tail:
        raise ValueError("it is cut off or damaged")
    start = len(content) - tail - length
    found = parse_json(content[start : len(content) - tail].decode("utf-8"))
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ValueError("what it says about itself is damaged")
    return content[:start], found
