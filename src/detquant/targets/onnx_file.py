"""Places that take an ONNX file as it is, in single or in half precision."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import onnx_ir as ir

from detquant.graph.expectation import expectation_as_ratio
from detquant.graph.half_precision import to_half
from detquant.graph.nearest import nearest_as_concat
from detquant.graph.running import as_bytes
from detquant.targets._base import Artefact, Target

FILE = "model.onnx"


class OnnxFile(Target):
    """A target whose artefact is the graph as it is, in one file."""

    precisions: tuple[str, ...] = ("fp32", "fp16")
    writes = (FILE,)

    def rewrite(self, model: ir.Model) -> ir.Model:
        """Two operators that these places' kernels handle value by value, written as others; see the passes."""
        return nearest_as_concat(expectation_as_ratio(model))

    def lower(self, qdq: ir.Model) -> Artefact:
        """The graph as it is, in ``model.onnx``."""
        return Artefact({FILE: as_bytes(qdq)})

    def lower_float(self, model: ir.Model, precision: str) -> Artefact:
        """The float graph in ``model.onnx``; in fp16 its inputs and outputs stay float32.

        Raises:
            TargetError: the place does not take that precision.
            ModelError: a weight is too large for half precision.
        """
        self.require(precision)
        return self.lower(to_half(model) if precision == "fp16" else model)

    def with_metadata(self, artefact: Artefact, entries: Mapping[str, str]) -> Artefact:
        """The file with these entries among its `metadata_props`."""
        return Artefact({**artefact.files, FILE: with_entries(artefact.files[FILE], entries)}, artefact.beside)


def with_entries(content: bytes, entries: Mapping[str, str]) -> bytes:
    """An ONNX file with entries in its metadata: the same file and entries, the same bytes."""
    model = onnx.load_from_string(content)
    words = {one.key: one.value for one in model.metadata_props} | dict(entries)
    del model.metadata_props[:]
    for key, value in words.items():
        model.metadata_props.add(key=key, value=value)
    written: bytes = model.SerializeToString(deterministic=True)
    return written
