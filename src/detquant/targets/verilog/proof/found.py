"""Detections as the head gives them, from the integer model, for the test bench.

* ``found.txt``: how many there are, and for how many candidates there was no place.
* ``found.mem``: a word of 128 bits for each, best first, as `dq_detector` says.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from detquant.integer.head import Found
from detquant.integer.operators import CodeArray
from detquant.numerics.arrays import Ints
from detquant.targets.verilog.head import StoredHead
from detquant.targets.verilog.memories.files import mem
from detquant.targets.verilog.memories.rows import Memory, packed

WORD, FIELD = 128, 16
FIELDS = ("x1", "y1", "x2", "y2", "class", "score", "code")
"""From the lowest bits on, 16 each; the highest 16 bits are 0."""


def found_vectors(head: StoredHead, codes: Mapping[str, CodeArray]) -> dict[str, bytes]:
    """The files, by name.

    Args:
        head: the program's head.
        codes: of the network's tensors by name, its maps among them.
    """
    found = head.numbers.run(codes)
    words = found_words(found, head.stored_less)
    told = f"{len(words)} {found.left_out}\n"
    return {"found.txt": told.encode(), "found.mem": mem(Memory("found", WORD, packed(words, FIELD)))}


def found_words(found: Found, stored_less: int) -> Ints:
    """Detections as fields ``[n, 8]`` of 16 bits.

    Args:
        found: the detections.
        stored_less: what codes of the class logits are stored less of.
    """
    columns = [*found.boxes.T, found.classes, found.scores, found.codes - stored_less, 0 * found.codes]
    return np.asarray(np.stack(columns, axis=1) & ((1 << FIELD) - 1), np.int64)
