"""The stream of the head: its settings and tables as words of 32 bits, as `dq_head_settings` reads them.

Four words of all, four for each level, 256 exponentials for each level, 257 scores. Where a program has no head, and
the hardware has one, the four words say that there are no levels, and are all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.errors import TargetError
from detquant.numerics.arrays import Ints
from detquant.targets.verilog.head import StoredHead, StoredLevel
from detquant.targets.verilog.memories.rows import Memory, packed, unpacked

NAME = "head"
EXPONENTIALS, SCORES, GENERAL_WORDS, LEVEL_WORDS = 256, 257, 4, 4
_CODE, _OVERLAP, _SIDE, _STRIDE = 1 << 16, 1 << 9, 1 << 12, 1 << 3


@dataclass(frozen=True, slots=True)
class LevelSettings:
    """What the stream says of a level.

    Attributes:
        rows: cells from top to bottom.
        columns: cells from left to right.
        log_stride: base 2 logarithm of its stride.
        scores: address of the first word of its class logits.
        distances: address of the first word of its distances.
        plane: words from one group of channels to the next.
    """

    rows: int
    columns: int
    log_stride: int
    scores: int
    distances: int
    plane: int


@dataclass(frozen=True, slots=True, eq=False)
class HeadSettings:
    """What the stream says.

    Attributes:
        classes: number of classes.
        threshold: smallest code of a candidate, as it is stored.
        overlap: threshold of the overlap.
        capacity: places for candidates.
        limit: detections to keep.
        levels: the levels, finest first.
        exponentials: ``[levels, 256]``.
        scores: ``[257]``, or none where there are no levels.
    """

    classes: int
    threshold: int
    overlap: int
    capacity: int
    limit: int
    levels: tuple[LevelSettings, ...]
    exponentials: Ints
    scores: Ints


def settings_of(head: StoredHead) -> HeadSettings:
    """What the stream is to say of a program's head."""
    numbers = head.numbers
    return HeadSettings(
        classes=numbers.layout.classes,
        threshold=head.threshold,
        overlap=numbers.overlap,
        capacity=numbers.capacity,
        limit=head.limit,
        levels=tuple(map(_level, head.levels)),
        exponentials=np.stack(numbers.exponentials).astype(np.int64),
        scores=numbers.scores.entries.astype(np.int64),
    )


def head_memory(head: StoredHead | None) -> Memory:
    """The stream of a program's head; of none where it has none."""
    words = [0] * GENERAL_WORDS if head is None else _words(settings_of(head))
    return Memory(NAME, 32, packed(np.array(words, np.int64)[:, None], 32))


def read_head(memory: Memory) -> HeadSettings:
    """What a stream says; the opposite of `head_memory`.

    Raises:
        TargetError: it has not as many words as its first one tells.
    """
    words = unpacked(memory.data, 32, 1, signed=False)[:, 0]
    count = int(words[0]) % 256 if len(words) else 0
    tables = GENERAL_WORDS + LEVEL_WORDS * count
    scores = tables + EXPONENTIALS * count
    expected = scores + (SCORES if count else 0)
    if len(words) != expected:
        raise TargetError(
            f"{memory.name}.mem has {len(words)} words, and a head of {count} levels has {expected}: write the "
            f"memories again."
        )
    code, overlap = int(words[1]) % _CODE, int(words[1]) // _CODE
    return HeadSettings(
        classes=int(words[0]) // _CODE,
        threshold=code - _CODE if code >= _CODE // 2 else code,
        overlap=overlap,
        capacity=int(words[2]),
        limit=int(words[3]),
        levels=tuple(_read_level(row) for row in words[GENERAL_WORDS:tables].reshape(-1, LEVEL_WORDS)),
        exponentials=words[tables:scores].reshape(count, EXPONENTIALS),
        scores=words[scores:],
    )


def _level(one: StoredLevel) -> LevelSettings:
    level = one.level
    return LevelSettings(
        rows=level.rows,
        columns=level.columns,
        log_stride=level.stride.bit_length() - 1,
        scores=one.scores_base,
        distances=one.distances_base,
        plane=one.distances.plane,
    )


def _read_level(words: npt.NDArray[np.int64]) -> LevelSettings:
    sizes, scores, distances, plane = map(int, words)
    columns, rows = sizes // _SIDE % _SIDE, sizes % _SIDE
    return LevelSettings(rows, columns, sizes // _SIDE // _SIDE % _STRIDE, scores, distances, plane)


def _words(settings: HeadSettings) -> list[int]:
    """The words of the stream.

    Raises:
        TargetError: a number has no room in its field.
    """
    words = [
        *_packed("levels", (len(settings.levels), 256), (0, 256), (settings.classes, _CODE)),
        *_packed("threshold", (settings.threshold % _CODE, _CODE), (settings.overlap, _OVERLAP)),
        settings.capacity,
        settings.limit,
    ]
    for one in settings.levels:
        words += _packed("rows and columns", (one.rows, _SIDE), (one.columns, _SIDE), (one.log_stride, _STRIDE))
        words += [one.scores, one.distances, one.plane]
    return [*words, *settings.exponentials.reshape(-1).tolist(), *settings.scores.tolist()]


def _packed(what: str, *fields: tuple[int, int]) -> Sequence[int]:
    """One word of fields, (number, how many numbers it has room for), the lowest first."""
    word, place = 0, 1
    for number, room in fields:
        if not 0 <= number < room:
            raise TargetError(f"The head's {what} have no room: found {number}, expected 0 to {room - 1}.")
        word, place = word + number * place, place * room
    return [word]
