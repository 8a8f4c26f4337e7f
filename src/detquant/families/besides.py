"""What a model gives beside boxes and class scores: masks, key points, raw maps of what it gives decoded as well.

The boxes of such a model are scored as any detector's. What else it gives is kept in every file that is made of it, and
compared with what the float model gives. So that families need to know nothing of it, they are shown the signature
without it. The cases:

1. segmentation: rows beside a map [1, n, h, w] (or [1, h, w, n]) of n prototypes; the last n values of a row are a
   mask's coefficients (YOLACT, Bolya et al. 2019; Ultralytics' "segment");
2. poses: the last values of a row are key points, as many as the metadata's `kpt_shape` tells (Ultralytics' "pose");
   where nothing tells, values from some place on that are beyond any score, or rise with the place of their cell;
3. an end-to-end head of rotated boxes has an angle behind the class, see `end_to_end`;
4. raw maps beside the rows that are decoded from them, as YOLOv5 exported them up to its version 6;
5. key points in outputs of their own, as detectors of faces have them: their families tell which.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.errors import ModelError
from detquant.families.class_names import read_literal
from detquant.families.grid import cells, count_cells
from detquant.families.signature import Outputs, Shape, Signature, is_dynamic
from detquant.families.told_by_values import NO_SCORE, OUTSIDE, PLAIN_RISE, line
from detquant.numerics.arrays import Floats

BOX = 4
SEGMENT, POSE, ROTATED = "segment", "pose", "obb"
STRIDES = ((8, 16, 32), (4, 8, 16, 32), (8, 16, 32, 64))
PER_CELL = (1, 3)
MOST_FOUND = 1000
"""Most rows of a head that tells what was found."""
END_TO_END = 6
_PROTOTYPES_FINER = (2, 4, 8)
"""Strides that prototypes may have."""
_LACKING = {
    SEGMENT: "no output [1, n, height / 4, width / 4] of prototypes stands beside rows with n coefficients: export the "
    "model again, or its detector",
    POSE: "not how many key points it has: the entry 'kpt_shape', such as [17, 3], is missing, so export it again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Besides:
    """What is not scored of a model.

    Attributes:
        output: name of the output whose rows are boxes and scores.
        values: how many of the last values of a row are neither.
        turned: whether that output is [1, rows, values].
        words: what there is besides, for people.
        others: names of the outputs that are not scored.
        rotated: whether the one last value is the angle of a box of centre and size, whose hull is scored.
    """

    output: str
    values: int
    turned: bool
    words: str
    others: tuple[str, ...] = ()
    rotated: bool = False

    def scored(self, outputs: Outputs) -> npt.NDArray[Any]:
        """The rows of boxes and scores alone."""
        return self._part(outputs, slice(None, -self.values or None))

    def behind(self, outputs: Outputs) -> npt.NDArray[Any]:
        """The last values of the rows, [rows, values]."""
        part = self._part(outputs, slice(-self.values, None) if self.values else slice(0, 0))[0]
        return np.asarray(part if self.turned else part.T)

    def _part(self, outputs: Outputs, which: slice) -> npt.NDArray[Any]:
        array = np.asarray(outputs[self.output])
        array = array.reshape(1, *array.shape[-2:])
        return np.asarray(array[:, :, which] if self.turned else array[:, which])

    @property
    def sentence(self) -> str:
        """What there is besides, and what becomes of it."""
        if self.rotated:
            return "Its boxes are rotated: their upright hulls are scored, which do not show whether an angle is right."
        return f"Beside boxes and scores it gives {self.words}: kept and compared with the float model, not scored."


def points_beside(boxes: Sequence[str], points: Sequence[str]) -> Besides:
    """Key points in outputs of their own (case 5).

    Args:
        boxes: names of the outputs of boxes.
        points: names of the outputs of points.
    """
    return Besides(output=boxes[0], values=0, turned=True, words="key points for each box", others=tuple(points))


def apart(signature: Signature) -> tuple[Signature, Besides | None]:
    """The signature of the detector that is in a model, and what else is in it; None where that is nothing.

    Raises:
        ModelError: the metadata says that there are masks or key points, and they are not found.
    """
    found = find_besides(signature)
    task = signature.metadata.get("task")
    if found is None:
        if task in _LACKING:
            raise ModelError(f"The model's metadata says that its task is '{task}', but {_LACKING[task]}.")
        return signature, None
    rows, values = _sizes(signature.outputs[found.output], turned=found.turned)
    kept = values - found.values
    shape = (1, rows, kept) if found.turned else (1, kept, rows)
    sample = signature.sample
    return replace(
        signature,
        outputs={found.output: shape},
        sample=None if sample is None else (lambda: _scored(found, sample())),
    ), found


def _scored(found: Besides, outputs: Outputs) -> Mapping[str, npt.NDArray[Any]]:
    return {found.output: found.scored(outputs)} if found.output in outputs else {}


def find_besides(signature: Signature) -> Besides | None:
    """What a model gives beside boxes and scores, by the cases at the top of this file."""
    rows = [name for name, shape in signature.outputs.items() if _are_rows(shape)]
    if len(rows) != 1:
        return None
    [name] = rows
    shape, others = signature.outputs[name], {k: v for k, v in signature.outputs.items() if k != name}
    turned = _is_turned(signature, shape)
    _, values = _sizes(shape, turned=turned)
    if others:
        many = _prototypes(signature, others)
        if many and values > BOX + many:  # case 1
            words = f"{many} coefficients of a mask for each box, and {many} prototypes of masks"
            return Besides(output=name, values=many, turned=turned, words=words, others=tuple(others))
        if _are_its_maps(signature, others, shape):  # case 4
            words = f"the {len(others)} raw maps that they are decoded from"
            return Besides(output=name, values=0, turned=turned, words=words, others=tuple(others))
        return None
    count, words = _behind_scores(signature, name, values, turned=turned)
    rotated = signature.metadata.get("task") == ROTATED
    return Besides(output=name, values=count, turned=turned, words=words, rotated=rotated) if count else None


def _behind_scores(signature: Signature, name: str, values: int, *, turned: bool) -> tuple[int, str]:
    """How many values of a row stand behind its scores, and what they are (cases 2 and 3)."""
    task = signature.metadata.get("task", "")
    if task == POSE and (points := _points(signature)) and values > BOX + points[0] * points[1]:
        return points[0] * points[1], f"{points[0]} key points for each box"
    if task == ROTATED and values == END_TO_END + 1:
        return 1, "the angle of each box"
    count = _beyond_scores(signature, name, turned=turned) if task in ("", POSE) else 0
    return count, f"{count} numbers behind the scores of each box, which are key points, it seems"


def _points(signature: Signature) -> tuple[int, int] | None:
    """How many key points there are, and how many numbers each has."""
    found = read_literal(signature.metadata.get("kpt_shape", ""))
    if isinstance(found, (list, tuple)) and len(found) == 2 and all(type(one) is int and one > 0 for one in found):
        return found[0], found[1]
    return None


def _beyond_scores(signature: Signature, name: str, *, turned: bool) -> int:
    """How many columns there are from the first one on that holds no scores: places, or numbers beyond any."""
    outputs = signature.values()
    if name not in outputs:
        return 0
    array = np.asarray(outputs[name], np.float32)
    matrix = array.reshape(array.shape[-2:])
    matrix = matrix if turned else matrix.T
    behind = matrix[:, BOX:]
    if not behind.size or not np.isfinite(behind).all():
        return 0
    others = _are_places(signature, behind)
    if behind.max() > NO_SCORE:
        others |= ((behind < -OUTSIDE) | (behind > 1 + OUTSIDE)).any(axis=0)
    first = int(np.flatnonzero(others)[0]) if others.any() else 0
    return behind.shape[1] - first if first else 0


def _are_places(signature: Signature, columns: Floats) -> npt.NDArray[np.bool_]:
    """Which columns rise with the place of their cell as the middle of a box does; none where rows are no cells."""
    _, height, width = signature.image_input()
    found = np.zeros(columns.shape[1], bool)
    strides = next((one for one in STRIDES if count_cells(height, width, one) == len(columns)), None)
    if strides is None:
        return found
    place, stride = cells(height, width, strides)
    for middle in ((place + 0.5) * stride).T:
        rises = [line(column, middle)[0] for column in columns.T.astype(np.float64)]
        found |= np.array(rises) > PLAIN_RISE
    return found


def _are_rows(shape: Shape) -> bool:
    return len(shape) == 3 and shape[0] == 1 and not is_dynamic(shape)


def _sizes(shape: Shape, *, turned: bool) -> tuple[int, int]:
    """Rows, and values of a row."""
    first, last = int(shape[1] or 0), int(shape[2] or 0)
    return (first, last) if turned else (last, first)


def _is_turned(signature: Signature, shape: Shape) -> bool:
    """Whether an output is [1, rows, values]: by the numbers of cells, else there are fewer values than rows."""
    _, height, width = signature.image_input()
    counts = {many * count_cells(height, width, strides) for strides in STRIDES for many in PER_CELL}
    first, last = int(shape[1] or 0), int(shape[2] or 0)
    if (first in counts) != (last in counts):
        return first in counts
    return first > last


def _prototypes(signature: Signature, others: Mapping[str, Shape]) -> int:
    """How many prototypes of masks the one other output holds; 0 where it is something else."""
    _, height, width = signature.image_input()
    if len(others) != 1:
        return 0
    [shape] = others.values()
    if len(shape) != 4 or is_dynamic(shape) or shape[0] != 1:
        return 0
    sizes = [int(size or 0) for size in shape]
    finer = {(height // step, width // step) for step in _PROTOTYPES_FINER}
    if tuple(sizes[2:]) in finer:
        return sizes[1]
    return sizes[3] if tuple(sizes[1:3]) in finer else 0


def _are_its_maps(signature: Signature, others: Mapping[str, Shape], rows: Shape) -> bool:
    """Whether the other outputs are the raw maps that the rows are decoded from: as many numbers, cell by cell."""
    if any(len(shape) not in (4, 5) or is_dynamic(shape) for shape in others.values()):
        return False
    _, height, width = signature.image_input()
    numbers = [math.prod(int(size or 0) for size in shape) for shape in others.values()]
    strided = all(
        any((height // step, width // step) in _neighbours(shape) for step in (4, 8, 16, 32, 64))
        for shape in others.values()
    )
    return strided and len(others) > 1 and sum(numbers) == math.prod(int(size or 0) for size in rows)


def _neighbours(shape: Shape) -> set[tuple[int, int]]:
    """The pairs of sizes that stand beside each other."""
    sizes = [int(size or 0) for size in shape]
    return set(itertools.pairwise(sizes))
