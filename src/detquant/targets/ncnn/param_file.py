"""The two files of an ncnn model: ``.param`` lists layers and blobs in text, ``.bin`` holds their weights in order.

A line of a layer is: type, name, number of inputs, number of outputs, their names, and ``id=value`` for each parameter
that is not the default; a list is ``-(23300 + id)=length,value,...``. A number with a point is a float. Readers of old
keep 15 characters of a value, which nine digits with sign and exponent just fill.

Weights that ncnn reads with a tag (``ModelBin::load(.., 0)``) begin with one of `FLOAT`, `HALF`, `INT8` and are padded
to four bytes; all others (biases, scales, slopes) are bare float32. All is little-endian.

A blob has one reader: where there are more, a Split is written behind the layer that made it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from detquant.importers.ncnn.files import FEATMASK, FLOAT, HALF, INT8, LIST, MAGIC
from detquant.numerics.arrays import Array

LONGEST = 200
"""Most characters of a name: ncnn keeps 255."""

Number = int | float
Parameters = Mapping[int, Number | Sequence[Number]]


@dataclass(eq=False, slots=True)
class Blob:
    """A blob of the file.

    Attributes:
        name: what it is called, once the file is written.
        shape: channels, depth, height, width, or the last of these: ncnn has no batch.
        codes: whether it holds int8 codes.
    """

    name: str
    shape: tuple[int, ...]
    codes: bool = False


@dataclass(eq=False, slots=True)
class Layer:
    """A layer of the file."""

    kind: str
    name: str
    inputs: list[Blob]
    outputs: list[Blob]
    parameters: Parameters
    weights: bytes = b""


@dataclass(slots=True)
class ParamFile:
    """A file in the making."""

    layers: list[Layer] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    def layer(
        self,
        kind: str,
        name: str,
        inputs: Sequence[Blob],
        outputs: Sequence[Blob],
        parameters: Parameters | None = None,
        weights: bytes = b"",
    ) -> None:
        """Adds a layer.

        Args:
            kind: its type.
            name: what it should be called; one derived from it if that is taken or none that ncnn can read.
            inputs: blobs that it reads.
            outputs: blobs that it makes.
            parameters: by number.
            weights: what it reads from ``.bin``.
        """
        self.layers.append(Layer(kind, self._fresh(name), list(inputs), list(outputs), parameters or {}, weights))

    def finish(self, outputs: Mapping[str, Blob]) -> tuple[bytes, bytes]:
        """The contents of ``.param`` and ``.bin``.

        Args:
            outputs: blobs by the names under which they are to be taken out.
        """
        layers = self._with_splits(outputs)
        given = {id(blob): name for name, blob in outputs.items()}
        kept = {*given.values(), *(blob.name for one in layers if one.kind == "Input" for blob in one.outputs)}
        taken = set(kept)
        for one in layers:
            for blob in one.outputs:
                if id(blob) in given:
                    blob.name = given[id(blob)]
                elif one.kind != "Input":
                    blob.name = fresh(blob.name, taken)
        lines = [" ".join(_words(one)) for one in layers]
        blobs = sum(len(one.outputs) for one in layers)
        text = "\n".join([f"{MAGIC}", f"{len(layers)} {blobs}", *lines]) + "\n"
        return text.encode(), b"".join(one.weights for one in layers)

    def _fresh(self, name: str) -> str:
        return fresh(name, self._names)

    def _with_splits(self, outputs: Mapping[str, Blob]) -> list[Layer]:
        """The layers, with a Split behind each blob that is read more than once; outputs count as read."""
        uses: dict[int, list[tuple[list[Blob], int]]] = {}
        for one in self.layers:
            for place, blob in enumerate(one.inputs):
                uses.setdefault(id(blob), []).append((one.inputs, place))
        leaving = {id(blob) for blob in outputs.values()}
        found: list[Layer] = []
        for one in self.layers:
            found.append(one)
            for place, blob in enumerate(one.outputs):
                readers = uses.get(id(blob), [])
                if len(readers) + (id(blob) in leaving) < 2:
                    continue
                whole = Blob(f"{blob.name}/whole", blob.shape, blob.codes) if one.kind != "Input" else blob
                parts = [Blob(f"{blob.name}/{k}", blob.shape, blob.codes) for k in range(len(readers))]
                for (inputs, at), part in zip(readers, parts, strict=True):
                    inputs[at] = part
                one.outputs[place] = whole
                last = [blob] if id(blob) in leaving else []
                mask = {FEATMASK: one.parameters[FEATMASK]} if FEATMASK in one.parameters else {}
                found.append(Layer("Split", self._fresh(f"{one.name}/split"), [whole], [*last, *parts], mask))
        return found


def fresh(name: str, taken: set[str]) -> str:
    """A name as ncnn can read it, ``name`` or one derived from it, that is taken from then on."""
    stem = re.sub(r"[^\x21-\x7e]", "_", name)[-LONGEST:] or "unnamed"
    found, count = stem, 0
    while found in taken:
        count += 1
        found = f"{stem}_{count}"
    taken.add(found)
    return found


def tagged(array: Array, *, half: bool = False) -> bytes:
    """Weights with their tag: int8 codes as they are, other numbers as float32 or in half the bytes."""
    if array.dtype == np.int8:
        tag, content = INT8, array.tobytes()
    elif half:
        tag, content = HALF, array.astype("<f2").tobytes()
    else:
        tag, content = FLOAT, bare(array)
    return tag.to_bytes(4, "little") + content + bytes(-len(content) % 4)


def bare(*arrays: Array | np.generic | float) -> bytes:
    """Numbers as float32, without a tag."""
    return b"".join(np.asarray(array).astype("<f4").tobytes() for array in arrays)


def _words(layer: Layer) -> list[str]:
    names = [blob.name for blob in (*layer.inputs, *layer.outputs)]
    counts = [str(len(layer.inputs)), str(len(layer.outputs))]
    return [layer.kind, layer.name, *counts, *names, *(_parameter(*one) for one in sorted(layer.parameters.items()))]


def _parameter(number: int, value: Number | Sequence[Number]) -> str:
    if isinstance(value, Sequence):
        return f"{LIST - number}={','.join([str(len(value)), *map(_number, value)])}"
    return f"{number}={_number(value)}"


def _number(value: Number) -> str:
    return f"{np.float32(value):.8e}" if isinstance(value, float | np.floating) else str(int(value))
