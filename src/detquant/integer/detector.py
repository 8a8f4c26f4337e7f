"""A whole detector in integers: image, integer network, integer head, detections."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import cached_property

import numpy as np
import onnx_ir as ir

from detquant.errors import OptionError
from detquant.families import Detections, Family, Geometry
from detquant.graph import prepare
from detquant.graph.cut_decode import cut_decode
from detquant.graph.values import static_shape
from detquant.integer.draft import USUAL, Widths
from detquant.integer.graph import IntegerGraph
from detquant.integer.head import Found, HeadOptions, IntegerHead, find_layout
from detquant.integer.head.corners import PIXEL_BITS, in_sixteenths
from detquant.integer.head.grids import with_head_grids
from detquant.integer.head.reading import BOXES, CLASSES, LEFT_OUT, SCORES, AsComputed, AsFound
from detquant.integer.head.scores import SCORE_BITS
from detquant.integer.in_ort import OrtNetwork, fastest
from detquant.integer.model import OwnDecoding
from detquant.integer.operators import CodeArray
from detquant.integer.reading import read
from detquant.numerics.arrays import Array, Floats, Ints

USUAL_HEAD = HeadOptions()


class IntegerDetector:
    """A detector whose network runs in integers, and what stands behind it as far as is asked for.

    Args:
        qdq: a QDQ graph. Where its last part is to run in integers, its heads' convolutions run on codes (``head =
            "int"`` in its recipe), and it is of YOLOv8's kind.
        family: how the float model is fed and read.
        options: what is computed in float, what in whole numbers.
        widths: bits of what the graph says nothing of.
        threads: number of threads.

    Attributes:
        network: the integer operators, heads included; hardware is made from it.
        head: the integer head; None where all that follows the network runs in float.
        family: how what `run` gives is read, in place of the float model's family.
        options: as given.

    Raises:
        UnsupportedOperator: an operator of the network has no integer counterpart; or the head is not of YOLOv8's kind,
            and its last layers or suppression were to run in integers.
    """

    def __init__(
        self,
        qdq: ir.Model,
        family: Family,
        options: HeadOptions = USUAL_HEAD,
        widths: Widths = USUAL,
        threads: int = 1,
    ) -> None:
        network, decode = cut_decode(prepare(qdq))
        self.options, self._float_family, self._threads = options, family, threads
        self.head: IntegerHead | None = None
        self._decoding = OwnDecoding(decode, threads)
        layout = None
        if not options.in_float:
            shapes = {value.name or "": static_shape(value) or () for value in network.graph.outputs}
            layout = find_layout(shapes, self._decoding.runner, family)
            network = with_head_grids(network, layout, options.bits)
        self.network: IntegerGraph = read(network, widths)
        self.family = _reader(family, options)
        if layout is not None:
            self.head = IntegerHead.of(
                layout,
                self.network.grids,
                confidence=options.confidence,
                iou=self.family.nms_iou,
                capacity=options.candidates,
                limit=self.family.max_detections,
            )

    def codes(self, feeds: Mapping[str, Array]) -> dict[str, CodeArray]:
        """Codes of the network's last maps for a real image."""
        return self._fast.run(feeds)

    @cached_property
    def _fast(self) -> OrtNetwork | IntegerGraph:
        return fastest(self.network, self._threads)

    def found(self, codes: Mapping[str, CodeArray], feeds: Mapping[str, Array] | None = None) -> Found:
        """Detections in whole numbers for the codes of the network's last maps, and the image where decoding reads it.

        Raises:
            OptionError: all that follows the network runs in float.
        """
        if self.head is None:
            raise OptionError(
                "This detector has its last layers and its suppression in float, so it finds nothing in whole numbers: "
                "make it with one of the two in integers."
            )
        if self.options.last_layers == "int":
            return self.head.run(codes)
        outputs = self._decoding.run(self.network, codes, feeds or {})
        return self.head.run(codes, in_sixteenths(self._float_family.boxes(outputs)))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name for inputs by name, both real; `family` reads them."""
        return self.behind(self.codes(feeds), feeds)

    def behind(self, codes: Mapping[str, CodeArray], feeds: Mapping[str, Array]) -> dict[str, Array]:
        """What stands behind the network, on the codes that it has given, wherever it was run."""
        if self.head is None:
            return self._decoding.run(self.network, codes, feeds)
        if self.options.nms == "float":
            scores = self.head.scores.scores(self.head.logits(codes))
            return {BOXES: _real(self.head.boxes(codes), PIXEL_BITS), SCORES: _real(scores, SCORE_BITS)}
        found = self.found(codes, feeds)
        real = {BOXES: _real(found.boxes, PIXEL_BITS), SCORES: _real(found.scores, SCORE_BITS)}
        return {**real, CLASSES: found.classes, LEFT_OUT: np.asarray(found.left_out)}

    def detect(self, feeds: Mapping[str, Array], geometry: Geometry) -> Detections:
        """Detections on the image.

        Args:
            feeds: inputs by name.
            geometry: from `Family.preprocess` of the image.
        """
        return self.family.decode(self.run(feeds), geometry, self.options.confidence)


def _reader(family: Family, options: HeadOptions) -> Family:
    """The family that reads what the detector gives, with the overlap and the limit that are asked for."""
    if options.nms == "int":
        reader: Family = AsFound.like(family)
    elif options.last_layers == "int":
        reader = AsComputed.like(family)
    else:
        reader = copy(family)
    if options.iou is not None:
        reader.nms_iou = options.iou
    if options.limit is not None:
        reader.max_detections = options.limit
    return reader


def _real(whole: Ints, bits: int) -> Floats:
    """The real numbers of whole ones with so many fraction bits, exactly."""
    return np.asarray(np.ldexp(whole.astype(np.float32), -bits), np.float32)
