"""What can be chosen of an integer detector's last part, as a user says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detquant.errors import OptionError

Arithmetic = Literal["float", "int"]
MOST_CANDIDATES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadOptions:
    """How detections are made of what a network in integers gives.

    Attributes:
        last_layers: "int": distances, boxes and scores in whole numbers, see `detquant.integer.head`; "float": the
            codes of the heads become real numbers, and the graph's own decoding runs on these.
        nms: "int": suppression in whole numbers, of boxes in sixteenths of a pixel; "float": the family's own.
        bits: width of the class logits' codes, 8 or 16; those of distances are 8 bits wide. Means nothing where both
            of the above are "float": codes are then those of the graph.
        confidence: candidates must score more than this.
        iou: overlap above which the lesser box goes; None for the family's own. It is rounded to 1/256.
        candidates: places of the memory of candidates; the best stay in it.
        limit: detections to keep; None for the family's own number.

    Raises:
        OptionError: one of them is outside its bounds.
    """

    last_layers: Arithmetic = "int"
    nms: Arithmetic = "int"
    bits: int = 8
    confidence: float = 0.001
    iou: float | None = None
    candidates: int = 1024
    limit: int | None = None

    def __post_init__(self) -> None:
        for name in ("last_layers", "nms"):
            if getattr(self, name) not in ("float", "int"):
                raise OptionError(f"{name} is '{getattr(self, name)}': expected 'float' or 'int'.")
        if self.bits not in (8, 16):
            raise OptionError(f"bits of the class logits are {self.bits}: expected 8 or 16.")
        for name, given in (("confidence", self.confidence), ("iou", self.iou)):
            if given is not None and not 0 <= given <= 1:
                raise OptionError(f"{name} is {given}: expected a number from 0 to 1.")
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            raise OptionError(f"candidates are {self.candidates}: expected 1 to {MOST_CANDIDATES}.")
        if self.limit is not None and self.limit < 1:
            raise OptionError(f"limit is {self.limit}: expected at least 1 detection.")

    @property
    def in_float(self) -> bool:
        """Whether nothing behind the network is in whole numbers."""
        return self.last_layers == "float" and self.nms == "float"
