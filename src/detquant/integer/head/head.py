"""The integer head: codes of a network's last maps in, detections in whole numbers out.

Order of the work, each step in a file of its own: candidates by code (`candidates`), distances of the cells that have
one (`distances`), their corners (`corners`), suppression (`suppression`), scores of what is left (`scores`). Boxes of
other cells are never looked at, so hardware need not compute them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.integer.head.candidates import Candidates, candidates
from detquant.integer.head.corners import corners
from detquant.integer.head.distances import expectations, exponentials
from detquant.integer.head.layout import SIDES, Layout
from detquant.integer.head.scores import ScoreTable
from detquant.integer.head.suppression import overlap_threshold, suppress
from detquant.integer.operators import CodeArray
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Detections in whole numbers, best first.

    Attributes:
        boxes: int64 ``[n, 4]``, x1 y1 x2 y2 in pixels of the network input, Q12.4.
        classes: int64 ``[n]``.
        codes: codes of their logits, int64 ``[n]``.
        scores: with 16 fraction bits, int64 ``[n]``.
        cells: the cell of each, int64 ``[n]``.
        left_out: candidates for which there was no place.
    """

    boxes: Ints
    classes: Ints
    codes: Ints
    scores: Ints
    cells: Ints
    left_out: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class IntegerHead:
    """A head of YOLOv8's kind, with all its numbers.

    Attributes:
        layout: the maps that it reads.
        exponentials: table of each level, int32 ``[256]``; codes of its map of distances are 8 bits wide.
        scores: table of scores.
        threshold: smallest code of a candidate.
        overlap: threshold of the overlap, 0 to 256.
        capacity: places of the memory of candidates.
        limit: detections to keep.
    """

    layout: Layout
    exponentials: tuple[npt.NDArray[np.int32], ...]
    scores: ScoreTable
    threshold: int
    overlap: int
    capacity: int
    limit: int

    @classmethod
    def of(
        cls,
        layout: Layout,
        grids: Mapping[str, QuantParams],
        *,
        confidence: float,
        iou: float,
        capacity: int,
        limit: int,
    ) -> IntegerHead:
        """The head of a network.

        Args:
            layout: its last maps.
            grids: grids of these, by name: one for all class logits, of 8 to 16 bits; those of distances of 8 bits.
            confidence: candidates must score more than this.
            iou: overlap above which the lesser box goes.
            capacity: places of the memory of candidates.
            limit: detections to keep.
        """
        table = ScoreTable.of(grids[layout.levels[0].scores])
        return cls(
            layout=layout,
            exponentials=tuple(exponentials(grids[level.distances].scale) for level in layout.levels),
            scores=table,
            threshold=table.threshold(confidence),
            overlap=overlap_threshold(iou),
            capacity=capacity,
            limit=limit,
        )

    def logits(self, codes: Mapping[str, CodeArray]) -> CodeArray:
        """Codes of the class logits, ``[cells, classes]``."""
        maps = [codes[level.scores] for level in self.layout.levels]
        return np.concatenate([one.reshape(self.layout.classes, -1).T for one in maps])

    def boxes(self, codes: Mapping[str, CodeArray]) -> Ints:
        """Corners of the boxes of all cells, Q12.4, ``[cells, 4]``."""
        parts = []
        for level, table in zip(self.layout.levels, self.exponentials, strict=True):
            sides = codes[level.distances].reshape(SIDES, self.layout.bins, level.rows, level.columns)
            parts.append(corners(expectations(sides.swapaxes(0, 1), table), level.stride))
        return np.concatenate(parts)

    def candidates(self, codes: Mapping[str, CodeArray]) -> Candidates:
        """The pairs of cell and class that reach the threshold, as many as there are places for."""
        return candidates(self.logits(codes), self.threshold, self.capacity)

    def run(self, codes: Mapping[str, CodeArray], boxes: Ints | None = None) -> Found:
        """Detections for the codes of the maps.

        Args:
            codes: by name.
            boxes: corners of the boxes of all cells, Q12.4, where others have computed them; None for the head's own.
        """
        best = self.candidates(codes)
        corners_of = (self.boxes(codes) if boxes is None else boxes)[best.cells]
        kept = suppress(corners_of, best.classes, self.overlap, self.limit)
        return Found(
            boxes=corners_of[kept],
            classes=best.classes[kept],
            codes=best.codes[kept],
            scores=self.scores.scores(best.codes[kept]),
            cells=best.cells[kept],
            left_out=best.left_out,
        )
