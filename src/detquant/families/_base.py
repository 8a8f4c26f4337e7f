"""What a detector family is, and the types that go in and out of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from detquant.errors import ModelError
from detquant.families.besides import Besides
from detquant.families.class_names import are_supposed, class_names
from detquant.families.fed import fed_form, said, written_form
from detquant.families.geometry import Geometry
from detquant.families.given_inputs import Given
from detquant.families.grey import as_grey, grey_form
from detquant.families.input_form import Form
from detquant.families.input_words import form_as, words_of_form
from detquant.families.nms import class_aware_nms
from detquant.families.reading import BACKGROUND, INPUT_KINDS, Reading, reading_entry, reading_text
from detquant.families.signature import Inside, Outputs, Signature, shapes_text
from detquant.numerics.arrays import Floats, Ints, Pixels

CONFIDENCE = 0.25
"""Confidence from which a detection is shown to people, and counts where models are compared without labels."""
THRESHOLD = "detquant.confidence"
"""Entry of the metadata of a quantised detector: the threshold at which it sees what the float model sees at its."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The objects found in one image, best first when a family made them.

    Attributes:
        xyxy: float32 [n, 4], left, top, right, bottom in pixels of the original image.
        confidence: float32 [n], 0 to 1.
        class_id: int64 [n], index into the family's classes.
    """

    xyxy: Floats
    confidence: Floats
    class_id: Ints

    def __post_init__(self) -> None:
        object.__setattr__(self, "xyxy", np.asarray(self.xyxy, np.float32))
        object.__setattr__(self, "confidence", np.asarray(self.confidence, np.float32))
        object.__setattr__(self, "class_id", np.asarray(self.class_id, np.int64))
        count = len(self.confidence)
        shapes = (self.xyxy.shape, self.confidence.shape, self.class_id.shape)
        if shapes != ((count, 4), (count,), (count,)):
            raise ValueError(f"Detections need [n, 4], [n] and [n]; got {', '.join(map(str, shapes))}.")

    def __len__(self) -> int:
        return len(self.confidence)

    @classmethod
    def empty(cls) -> Self:
        """Detections without any object."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    def select(self, which: npt.NDArray[Any]) -> Detections:
        """The detections at the given indices, or where a bool [n] is true."""
        return Detections(self.xyxy[which], self.confidence[which], self.class_id[which])

    def above(self, confidence: float) -> Detections:
        """The detections of at least this confidence."""
        return self.select(self.confidence >= confidence)


class Family(ABC):
    """A detector family: how its input is made and how its raw outputs become boxes.

    A member gives the facts below, `scores`, `boxes` and what its shapes look like; the rest
    (threshold, NMS, mapping back) is the same for all.

    Attributes:
        name: key in FAMILIES.
        task: "detect", or "classify" for the one family without boxes; said as Ultralytics' metadata says it.
        nms_iou: IoU above which the validation protocol of the family drops the lesser box.
        max_detections: boxes an image that protocol keeps.
        form: how an image becomes the network's input.
        input_key: entry of the metadata that tells the form of what goes into a file; None where there is none.
        adapted: whether that is another than the family's, since the graph does a part of it by itself.
        fed: a sentence on what the graph does to its image, and what it is fed; None where it does nothing.
        besides: what the model gives beside boxes and scores, which is not scored; None where that is nothing.
        classes: class names, by class_id; COCO's for want of any, where `names_supposed`.
        input_name: name of the image input.
        channels: channels of the image input; 1 for grey.
        given: what other inputs of the model are given, by name, see `detquant.families.given_inputs`.
        height: height of the network input, pixels.
        width: width of the network input, pixels.
        told: words of a reading that overrule what the family does by itself.
        untold: the form of the input without them; None where none were told.
        takes: kinds of words that it heeds, of `detquant.families.reading.WORDS`.
        units: words for the unit of boxes that it knows.
        output_count: how many outputs its models have, as a rule.
        has_anchors: whether its boxes are of anchors that a user may have to tell.
        mark: what tells it from families whose outputs have the same shapes, as a clause.
        ranked: whether the rows are what was found, best first: the same object may be in another row of another run.
        counts_names: whether its shapes do not tell how many classes there are, and names do: those given, else those
            in the file's metadata, else COCO's.
    """

    name: ClassVar[str]
    task: ClassVar[str] = "detect"
    input_key: ClassVar[str | None] = None
    takes: ClassVar[tuple[str, ...]] = (*INPUT_KINDS, "classes")
    units: ClassVar[tuple[str, ...]] = ("pixels", "parts")
    output_count: ClassVar[int] = 1
    ranked: ClassVar[bool] = False
    counts_names: ClassVar[bool] = False
    channels: int = 3
    given: Given = MappingProxyType({})
    has_anchors: ClassVar[bool] = False
    mark: ClassVar[str] = "whose outputs are others, or whose file says so"
    told: Reading = MappingProxyType({})
    untold: Form | None = None
    nms_iou: float
    max_detections: int
    form: Form
    adapted: bool = False
    fed: str | None = None
    names_supposed: bool = False
    besides: Besides | None = None

    def __init__(self, *, input_name: str, height: int, width: int, classes: tuple[str, ...]) -> None:
        self.input_name = input_name
        self.height = height
        self.width = width
        self.classes = classes

    @classmethod
    def from_signature(cls, signature: Signature, classes: tuple[str, ...] | None = None) -> Self:
        """Makes the family for one model.

        Args:
            signature: signature of the model.
            classes: class names; by default those in the file's metadata, COCO's for 80, else numbers.

        Raises:
            ModelError: the model is not of this family, or the number of names is wrong.
        """
        signature = signature.naming(classes) if cls.counts_names else signature
        input_name, height, width = signature.image_input()
        count = cls.count_classes(signature)
        if count is None:
            raise ModelError(
                f"The model is not of family '{cls.name}': found {shapes_text(signature.outputs)} for an "
                f"input of {height}x{width}; {cls.name} has {cls.expected(height, width)}."
            )
        names = class_names(signature.metadata, count, classes)
        family = cls(input_name=input_name, height=height, width=width, classes=names)
        family.names_supposed = are_supposed(signature.metadata, count, classes)
        family.channels, family.given = signature.channels, signature.given()
        family.read_facts(signature)
        if family.channels == 1:
            family.form = grey_form(family.form)
        family.feed_as_told(signature)
        return family

    def feed_as_told(self, signature: Signature) -> None:
        """Sets the form of the input to what the file says of it, else to what its graph leaves to be done."""
        inside, own = signature.inside, self.form
        if (written := written_form(own, signature.metadata)) is not None:
            self.form = written
        elif self.input_key in signature.metadata:  # what goes into the file is told, whatever its graph does
            self.form = fed_form(own, Inside(element=inside.element))
        else:
            self.form = fed_form(own, inside)
        self.adapted = self.form != own
        self.fed = said(self.form, own, inside)

    def read_facts(self, signature: Signature) -> None:  # noqa: B027 (most families need nothing more)
        """Takes from the model what its family needs beside classes and input, what `facts` has written above all.

        Args:
            signature: signature of the model, known to be of this family.

        Raises:
            ModelError: the metadata is wrong.
        """

    def confident_detections(self, found: Detections) -> Detections:
        """The detections of at least `CONFIDENCE`, by which models are compared where nothing is labelled."""
        return found.above(CONFIDENCE)

    def facts(self) -> dict[str, str]:
        """The metadata that a file made from this model must carry, so that the family can be made again from it."""
        return {}

    @property
    def reading(self) -> Reading:
        """How images go in and outputs are read, in words."""
        return {**words_of_form(self.form), **self.told}

    @property
    def own_reading(self) -> Reading:
        """The words of the family's own form, whatever was told or found of this model."""
        return words_of_form(getattr(type(self), "form", None) or self.untold or self.form)

    def read_as(self, reading: Reading) -> Self:
        """A copy of the family that is fed and read as the words say.

        Raises:
            ModelError: the family does not heed such words.
        """
        others = {kind: word for kind, word in reading.items() if not self.heeds(kind, word)}
        if others:
            fed = not others.keys().isdisjoint(INPUT_KINDS)
            why = "--preprocess says how its images are prepared" if fed else "it has no such choice"
            raise ModelError(
                f"'{reading_text(others)}' means nothing for the family {self.name}: {why}. Leave it out, or give the "
                f"family by --family."
            )
        changed = copy(self)
        changed.untold = self.untold or self.form
        changed.told, changed.form = {**self.told, **reading}, form_as(self.form, reading)
        return changed

    def heeds(self, kind: str, word: str) -> bool:
        """Whether a word of that kind changes anything."""
        return self.knows(kind, word) and word not in BACKGROUND

    def knows(self, kind: str, word: str) -> bool:
        """Whether a word is of a kind that it takes and, of a unit, one of its own."""
        return kind in self.takes and (kind != "unit" or word in self.units)

    def fits(self, outputs: Outputs) -> bool:
        """Whether these outputs can be meant as they are read."""
        return True

    def require_meant(self, outputs: Outputs) -> None:  # noqa: B027 (of most families `read_facts` has seen all)
        """Refuses outputs of an image that show that they are not meant as they are read.

        Raises:
            ModelError: they do; the sentence says what words would tell.
        """

    def written(self) -> dict[str, str]:
        """All entries that a file made from this model must carry: `facts`, and the reading where one was told."""
        return {**self.facts(), **reading_entry(self.kept_reading())}

    def kept_reading(self) -> Reading:
        """The words that a file made from this model must carry: of the input all, once one of them was told."""
        whole = INPUT_KINDS if not self.told.keys().isdisjoint(INPUT_KINDS) else ()
        return {**{kind: word for kind, word in self.reading.items() if kind in whole}, **self.told}

    @property
    def pixel_range(self) -> tuple[float, float]:
        """The smallest and the largest number that a pixel of 0 to 255 can become in the network input."""
        channels = zip(self.form.mean, self.form.std, strict=True)
        ends = [(level - mean) / std for mean, std in channels for level in (0, 255)]
        return min(ends), max(ends)

    @property
    def num_classes(self) -> int:
        """How many classes the model tells apart."""
        return len(self.classes)

    @classmethod
    def matches(cls, signature: Signature) -> str | None:
        """A sentence saying why the model is of this family, or None if it is not."""
        try:
            _, height, width = signature.image_input()
        except ModelError:
            return None
        count = cls.count_classes(signature)
        if count is None:
            return None
        return (
            f"{cls.name}: {shapes_text(signature.outputs)} for an input of {height}x{width} "
            f"is {cls.expected(height, width)} with {count} class{'' if count == 1 else 'es'}."
        )

    @classmethod
    @abstractmethod
    def expected(cls, height: int, width: int) -> str:
        """The output shapes of the family for an input size, in words."""

    @classmethod
    @abstractmethod
    def count_classes(cls, signature: Signature) -> int | None:
        """The number of classes the shapes tell, or None if they are not this family's."""

    def preprocess(self, image: Pixels) -> tuple[Floats, Geometry]:
        """Makes the network input.

        Args:
            image: uint8 [height, width, 3], BGR.

        Returns:
            float32 [1, self.channels, self.height, self.width], and how the image was mapped.
        """
        tensor, geometry = self.form(as_grey(image) if self.channels == 1 else image, self.height, self.width)
        return np.ascontiguousarray(tensor[:, : self.channels]), geometry

    def feeds(self, tensor: Floats) -> dict[str, npt.NDArray[Any]]:
        """All that the model takes, by name.

        Args:
            tensor: the network input that `preprocess` makes.
        """
        return {self.input_name: tensor, **self.given}

    def scored_output(self, outputs: Outputs) -> npt.NDArray[Any]:
        """The one output that holds boxes and scores, without what stands behind them."""
        if self.besides is not None:
            return self.besides.scored(outputs)
        [output] = outputs.values()
        return np.asarray(output)

    @abstractmethod
    def scores(self, outputs: Outputs) -> Floats:
        """Class scores [cells, classes], 0 to 1, from the raw outputs by name."""

    @abstractmethod
    def boxes(self, outputs: Outputs) -> Floats:
        """Boxes [cells, 4] as xyxy in pixels of the network input, cells as in `scores`."""

    def confident_cells(self, outputs: Outputs) -> Floats:
        """The best class score of each cell, [cells]."""
        return np.asarray(self.scores(outputs).max(axis=1))

    def decode(
        self,
        outputs: Outputs,
        geometry: Geometry,
        confidence: float = 0.001,
        iou: float | None = None,
        max_detections: int | None = None,
    ) -> Detections:
        """Turns raw outputs into detections: threshold, class-aware NMS, boxes back onto the image.

        A cell may give a box for each class above the threshold, as in COCO validation.

        Args:
            outputs: raw output arrays by name, of one image.
            geometry: from `preprocess` of that image.
            confidence: candidates must score more than this.
            iou: NMS threshold; None for the family's own.
            max_detections: boxes to keep; None for the family's own.

        Returns:
            Detections, best first. Boxes that are not finite or have no area inside the image are dropped.
        """
        xyxy, scores = self.boxes(outputs), self.scores(outputs)
        cell, class_id = class_aware_nms(
            xyxy,
            scores,
            confidence=confidence,
            iou=self.nms_iou if iou is None else iou,
            limit=self.max_detections if max_detections is None else max_detections,
        )
        found = Detections(geometry.to_image(xyxy[cell]), scores[cell, class_id], class_id)
        return found.select(np.asarray((found.xyxy[:, 2:] > found.xyxy[:, :2]).all(axis=1)))
