"""A ``.tflite`` file as it grows: tensors, operators, signature and metadata, then bytes.

The form is TensorFlow's ``schema.fbs``, in the bindings that LiteRT ships. Arrays are aligned to 16 bytes, as the
schema demands, and equal arrays are stored once. Nothing in the file depends on the time or on a counter of the
process: the same calls give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detquant.errors import ModelError
from detquant.graph.values import fresh_name
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Array
from detquant.targets.tflite.layout import Shape
from detquant.targets.tflite.schema import METADATA, SIGNATURE, schema
from detquant.targets.tflite.versions import newest, version_of

RUNTIME = "min_runtime_version"
RUNTIME_BYTES = 16
IDENTIFIER = b"TFL3"
ALIGNMENT = 16
LARGEST = 1 << 31
"""Most bytes of a file: offsets of a flatbuffer are 32 bits, signed in part."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor of the file.

    Attributes:
        index: place among the tensors of the file.
        shape: dimensions, as the tensor lies in the file.
        dtype: numpy's name of its type.
        grid: grid of codes and biases; None for numbers that are what they are.
    """

    index: int
    shape: Shape
    dtype: str
    grid: QuantParams | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """An operator's attributes: ``Options("Conv2D", {"strideW": 2})`` is a Conv2DOptions."""

    kind: str
    fields: Mapping[str, int | float | bool | Sequence[int]]


class File:
    """A file of one subgraph while it is written."""

    def __init__(self) -> None:
        self.schema = schema()
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[tuple[str, int], int] = {}
        self._buffers: list[bytes] = [b""]  # the first one is empty, says the schema
        self._stored: dict[bytes, int] = {}
        self._constants: dict[tuple[object, ...], Tensor] = {}
        self._names: set[str] = set()
        self._runtimes = ["1.14.0"]

    def tensor(self, name: str, shape: Sequence[int], dtype: str, grid: QuantParams | None = None) -> Tensor:
        """A tensor that an operator writes, or the file's input."""
        return self._tensor(name, tuple(shape), dtype, grid, 0)

    def constant(self, name: str, array: Array, grid: QuantParams | None = None) -> Tensor:
        """A tensor with contents; the same one for the same array and grid."""
        data = np.ascontiguousarray(array)
        content = data.astype(data.dtype.newbyteorder("<"), copy=False).tobytes()
        key = (data.dtype.name, array.shape, hashlib.sha256(content).digest(), _key(grid))
        if key not in self._constants:
            self._constants[key] = self._tensor(name, array.shape, data.dtype.name, grid, self._buffer(content))
        return self._constants[key]

    def operator(
        self,
        name: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        options: Options | None = None,
        special: str | None = None,
    ) -> None:
        """An operator, after all that were added before.

        Args:
            name: name of the builtin, such as "CONV_2D".
            inputs: tensors that it reads.
            outputs: tensors that it writes.
            options: attributes of the operator.
            special: what it does that needs a newer version, see `versions.SPECIAL`.
        """
        kinds = {t.dtype for t in (*inputs, *outputs)}
        codes = next((kind for kind in ("int16", "int8") if kind in kinds), None)
        version, runtime = version_of(name, codes=codes, rank=max(len(t.shape) for t in inputs), special=special)
        self._runtimes.append(runtime)
        made = self.schema.OperatorT()
        made.opcodeIndex = self._codes.setdefault((name, version), len(self._codes))
        made.inputs = np.array([t.index for t in inputs], np.int32)
        made.outputs = np.array([t.index for t in outputs], np.int32)
        if options is not None:
            made.builtinOptionsType = getattr(self.schema.BuiltinOptions, f"{options.kind}Options")
            made.builtinOptions = getattr(self.schema, f"{options.kind}OptionsT")()
            for field, value in options.fields.items():
                setattr(made.builtinOptions, field, value)
        self._operators.append(made)

    def name_of(self, tensor: Tensor) -> str:
        """The name of a tensor."""
        return str(self._tensors[tensor.index].name)

    def rename(self, tensor: Tensor, name: str) -> None:
        """Gives a tensor another name; who had it before loses it."""
        mine = self._tensors[tensor.index]
        if mine.name != name:
            for other in self._tensors:
                if other.name == name:
                    other.name = fresh_name(name, self._names)
            mine.name = name

    def finish(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor], metadata: Mapping[str, object]
    ) -> bytes:
        """The bytes of the finished file.

        Args:
            inputs: inputs of the signature, by name.
            outputs: outputs of the signature, by name.
            metadata: entries that are kept as JSON under the name "detquant".

        Raises:
            ModelError: it is larger than such a file can be.
        """
        size = sum(map(len, self._buffers))
        if size >= LARGEST:
            raise ModelError("The model is larger than 2 GB, which is more than one .tflite file can hold.")
        import flatbuffers  # LiteRT brings it

        builder = flatbuffers.Builder(size + (1 << 20))
        builder.Finish(self._model(inputs, outputs, metadata).Pack(builder), file_identifier=IDENTIFIER)
        return bytes(builder.Output())

    def _model(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor], metadata: Mapping[str, object]
    ) -> Any:
        runtime = newest(self._runtimes).encode().ljust(RUNTIME_BYTES, b"\0")
        text = json.dumps(metadata, sort_keys=True, ensure_ascii=False).encode()
        kept = {name: self._buffer(content) for name, content in ((RUNTIME, runtime), (METADATA, text))}
        s = self.schema
        model, graph, signature = s.ModelT(), s.SubGraphT(), s.SignatureDefT()
        graph.name, graph.tensors, graph.operators = "main", self._tensors, self._operators
        graph.inputs = np.array([t.index for t in inputs.values()], np.int32)
        graph.outputs = np.array([t.index for t in outputs.values()], np.int32)
        signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
        signature.inputs, signature.outputs = self._maps(inputs), self._maps(outputs)
        model.version, model.description = 3, "detquant"
        model.subgraphs, model.signatureDefs = [graph], [signature]
        model.operatorCodes = [self._code(name, version) for name, version in self._codes]
        model.buffers = [_aligned(s, content) for content in self._buffers]
        model.metadata = []
        for name, buffer in kept.items():
            one = s.MetadataT()
            one.name, one.buffer = name, buffer
            model.metadata.append(one)
        return model

    def _maps(self, tensors: Mapping[str, Tensor]) -> list[Any]:
        rows = []
        for name, tensor in tensors.items():
            row = self.schema.TensorMapT()
            row.name, row.tensorIndex = name, tensor.index
            rows.append(row)
        return rows

    def _code(self, name: str, version: int) -> Any:
        code, number = self.schema.OperatorCodeT(), getattr(self.schema.BuiltinOperator, name)
        # Old runtimes read the first field, which has room for 127; new ones take the larger of the two.
        code.deprecatedBuiltinCode, code.builtinCode, code.version = min(number, 127), number, version
        return code

    def _tensor(self, name: str, shape: Shape, dtype: str, grid: QuantParams | None, buffer: int) -> Tensor:
        made = self.schema.TensorT()
        made.name, made.shape = fresh_name(name, self._names), np.array(shape, np.int32)
        made.type, made.buffer = getattr(self.schema.TensorType, dtype.upper()), buffer
        made.hasRank = True
        if grid is not None:
            made.quantization = self.schema.QuantizationParametersT()
            made.quantization.scale = np.atleast_1d(np.asarray(grid.scale, np.float32))
            made.quantization.zeroPoint = np.atleast_1d(np.asarray(grid.zero_point, np.int64))
            made.quantization.quantizedDimension = grid.axis or 0
        self._tensors.append(made)
        return Tensor(len(self._tensors) - 1, shape, dtype, grid)

    def _buffer(self, content: bytes) -> int:
        digest = hashlib.sha256(content).digest()
        if digest not in self._stored:
            self._stored[digest] = len(self._buffers)
            self._buffers.append(content)
        return self._stored[digest]


def _aligned(s: Any, content: bytes) -> Any:
    """A buffer whose contents begin at a multiple of 16 bytes; the bindings alone would align to one."""

    class Aligned(s.BufferT):  # type: ignore[misc]
        def Pack(self, builder: Any) -> Any:
            data = None
            if content:
                builder.Prep(ALIGNMENT, len(content))
                data = builder.CreateByteVector(content)
            s.BufferStart(builder)
            if data is not None:
                s.BufferAddData(builder, data)
            return s.BufferEnd(builder)

    return Aligned()


def _key(grid: QuantParams | None) -> object:
    return None if grid is None else (grid.scale.tobytes(), grid.zero_point.tobytes(), grid.axis)
