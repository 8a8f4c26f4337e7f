"""What identifies a model without running it: its inputs and outputs, and what its graph and its file tell besides."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.errors import ModelError
from detquant.families.class_names import SUPPOSED
from detquant.families.given_inputs import KNOWN, Given, given_inputs

Outputs = Mapping[str, npt.NDArray[Any]]
Shape = tuple[int | str | None, ...]
CHANNELS = (3, 1)
"""Channels of images that are taken: colours, or grey."""
_IMAGE = (1, *CHANNELS[:1], "height", "width")
Anchors = tuple[tuple[float, float], ...]
"""Width and height of each anchor, pixels of the network input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """The arithmetic of a graph on its image, y[c] = slope[c] x[order[c]] + offset[c], and traces of another.

    Attributes:
        order: order of the image's channels, as the network reads them.
        slope: ``[3]``, slope of each of the network's channels.
        offset: ``[3]``, offset of each of the network's channels.
        element: type of the input's elements in the file.
        turned: whether its converter turned the channels of the first layer's weights.
        gain: what a filter of the first layer answers an image of 0 to 255 with, at the median; None if not known.
    """

    order: tuple[int, int, int] = (0, 1, 2)
    slope: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    element: str = "float32"
    turned: bool = False
    gain: float | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """The facts that identify a model without running it.

    Attributes:
        inputs: input name to shape; a dimension that is not a positive int is dynamic.
        outputs: output name to shape, in the order of the graph.
        metadata: the file's metadata_props.
        ends: input or output name to the operator nearest to it, as far as that is known; see `detquant.graph.ends`.
        inside: what the graph does to its image by itself; nothing, as far as is known.
        joined: output name to the sizes of the parts that it is joined from, one entry a join on the way back from the
            output; see `detquant.graph.joins`.
        anchors: those that stand among the weights of the file, see `detquant.graph.anchors`; empty where none do.
        sample: gives the raw outputs for a picture of noise, or nothing where the model cannot be run; None where
            only the shapes are to tell.
    """

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    metadata: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)
    inside: Inside = Inside()
    joined: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    anchors: Anchors = ()
    sample: Callable[[], Outputs] | None = field(default=None, compare=False)

    def values(self) -> Outputs:
        """The raw outputs for a picture of noise; none where that is not known."""
        return self.sample() if self.sample else {}

    def naming(self, classes: tuple[str, ...] | None) -> Signature:
        """The signature with other class names, for families that count classes by their names.

        Args:
            classes: names by class_id; None to leave those of the file.
        """
        if classes is None:
            return self
        others = {key: value for key, value in self.metadata.items() if key != SUPPOSED}
        return replace(self, metadata={**others, "detquant.classes": json.dumps(classes)})

    def image_input(self) -> tuple[str, int, int]:
        """The one image input.

        Returns:
            Name, height and width.

        Raises:
            ModelError: there is not exactly one input of the fixed shape [1, 3, height, width], or [1, 1, height,
                width], or there are others whose meaning is not known.
        """
        name, height, width = self._image()
        if self._given(name, height, width) is None:
            raise ModelError(
                f"A detector has one image input [1, 3, height, width], and may have {', '.join(KNOWN)} [1, 2]; "
                f"found {shapes_text(self.inputs)}: export the model with the image alone."
            )
        return name, height, width

    @property
    def channels(self) -> int:
        """The channels of the image input: 3, or 1 for grey."""
        return int(self.inputs[self._image()[0]][1] or 0)

    def given(self) -> Given:
        """What the inputs besides the image are given, by name."""
        name, height, width = self.image_input()
        return self._given(name, height, width) or {}

    def _given(self, image: str, height: int, width: int) -> Given | None:
        return given_inputs({name: shape for name, shape in self.inputs.items() if name != image}, height, width)

    def _image(self) -> tuple[str, int, int]:
        images = {name: shape for name, shape in self.inputs.items() if len(shape) == len(_IMAGE)} or self.inputs
        if len(images) != 1:
            found = shapes_text(self.inputs) or "none"
            raise ModelError(
                f"A detector has one image input [1, 3, height, width]; found {found}: export the model with one image."
            )
        [(name, shape)] = images.items()
        if is_dynamic(shape):
            raise ModelError(
                f"Input '{name}' has dynamic dimensions {shape_text(shape)}, but a fixed shape such as "
                "[1, 3, 640, 640] is needed: export the model again with a fixed size and a batch of 1."
            )
        if len(shape) != len(_IMAGE) or shape[0] != 1 or shape[1] not in CHANNELS:
            raise ModelError(
                f"Input '{name}' is {shape_text(shape)}, but one image [1, 3, height, width] or [1, height, width, 3], "
                f"or one of 1 channel, was expected: {_what_else(shape)}."
            )
        return name, int(shape[2] or 0), int(shape[3] or 0)


def _what_else(shape: Shape) -> str:
    """A clause on what to do about an input of another shape."""
    if len(shape) == 4 and shape[0] == 1 and 3 not in shape[1:]:
        return f"images of {shape[1]} channels are not taken; export a model of colour images"
    if len(shape) == 4 and shape[::3] == (1, 3):
        return "export the model again with its channels first"
    if len(shape) == 4 and shape[1] == 3:
        return f"export the model again with a batch of 1, for it takes {shape[0]} images at once"
    return "export the model again with a batch of 1"


def is_dynamic(shape: Shape) -> bool:
    """Whether a dimension is left open."""
    return any(not isinstance(d, (int, np.integer)) or d <= 0 for d in shape)


def shape_text(shape: Shape) -> str:
    """A shape as "[1, 84, 8400]", open dimensions as their name or "?"."""
    return "[" + ", ".join("?" if d is None else str(d) for d in shape) + "]"


def shapes_text(shapes: Mapping[str, Shape]) -> str:
    """Named shapes as "output0 [1, 84, 8400], ..."."""
    return ", ".join(f"{name} {shape_text(shape)}" for name, shape in shapes.items())
