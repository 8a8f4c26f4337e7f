"""Programs of `torch.export`, float or rounded to 8 bits: what `torch.export.save` wrote. Needs the extra `torch`.

torch's own reader unpickles, evaluates and loads machine code, so the archive is read here (`archive`, `schema`), and
the program is made anew of the operators that it names, from a closed list (`operators`, `module`). torch's exporter
turns that into ONNX (`to_onnx`): operators that round to a grid become QuantizeLinear and DequantizeLinear. The program
itself runs in torch, which is where it is evaluated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir

from detquant.errors import MissingExtra, ModelError
from detquant.families.class_names import read_literal
from detquant.importers._base import ImportedModel, OwnFile
from detquant.importers.checkpoint import DAMAGES
from detquant.importers.checkpoint._base import Flaw, shown
from detquant.importers.checkpoint.archive import ZIP
from detquant.importers.checkpoint.export_cache import remembered
from detquant.importers.checkpoint.network import read_file
from detquant.importers.openvino.metadata import as_texts
from detquant.importers.torch_export.archive import Program, read_program
from detquant.untrusted import parse_json

__all__ = ["FACTS", "load", "matches", "open_program"]

FACTS = "detquant.json"
"""File that detquant puts beside a program: names of its inputs and outputs, and the metadata of its model."""

_LONGEST_NAME = 200
_OF_OTHERS = ("metadata.json", "config.txt")


def matches(path: Path) -> bool:
    """Whether the file is named .pt2."""
    return path.suffix.lower() == ".pt2" and not path.is_dir()


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read a program.

    Args:
        path: the file.
        imgsz: side of the input in pixels, where the file leaves it open.

    Raises:
        ModelError: the file is damaged, or has what is not followed.
        MissingExtra: torch or onnxscript is not installed.
    """
    content = read_file(path)
    program = _read(path, content)
    _, _, metadata = _names(program)
    _require()
    exported = remembered(content, ["torch.export", imgsz, _sources()], lambda: _export(path, program, imgsz))
    model = ir.from_proto(onnx.load_model_from_string(exported))
    rounded = sum(node.op_type == "QuantizeLinear" for node in model.graph)
    kind = f", {rounded} of its values rounded to 8 bits" if rounded else ""
    return ImportedModel(
        model=model,
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        metadata=metadata,
        reason=f"a program of torch {shown(program.torch)} with {len(program.graph.steps)} steps{kind}",
        own=OwnFile(target="pytorch", runtime="PyTorch", path=path),
    )


def open_program(path: Path, imgsz: int | None = None) -> Any:
    """The program of a file as a module of torch, which takes and gives what the imported graph does, in its order.

    Raises:
        ModelError: as `load`.
        MissingExtra: torch is not installed.
    """
    program = _read(path, read_file(path))
    _require()
    from detquant.importers.torch_export.module import ProgramModule

    try:
        return ProgramModule(program).eval()
    except Flaw as flaw:
        raise ModelError(f"'{path}' {flaw}.") from flaw


def _read(path: Path, content: bytes) -> Program:
    if not content.startswith(ZIP):
        found = "empty" if not content else "another kind of file"
        raise ModelError(f"'{path}' is {found}: expected a program that torch.export.save wrote, a ZIP archive.")
    try:
        return read_program(content)
    except Flaw as flaw:
        raise ModelError(f"'{path}' {flaw}.") from flaw
    except (*DAMAGES, AttributeError) as error:
        raise ModelError(f"'{path}' is truncated or damaged: copy, download or save it again.") from error


def _require() -> None:
    for package, shown_as in (("torch", "PyTorch"), ("onnxscript", "onnxscript")):
        if find_spec(package) is None:
            raise MissingExtra(shown_as, "torch")


def _export(path: Path, program: Program, imgsz: int | None) -> bytes:
    from detquant.importers.torch_export.module import ProgramModule, example
    from detquant.importers.torch_export.to_onnx import to_onnx

    inputs, outputs, _ = _names(program)
    try:
        examples = tuple(example(one, imgsz) for one in program.graph.inputs)
        return to_onnx(ProgramModule(program).eval(), examples, inputs, outputs)
    except Flaw as flaw:
        raise ModelError(f"'{path}' {flaw}.") from flaw


def _names(program: Program) -> tuple[list[str], list[str], dict[str, str]]:
    """Names of the program's inputs and of its outputs, and the metadata."""
    graph, facts = program.graph, _facts(program.extra.get(FACTS))
    inputs, outputs = _texts(facts.get("inputs")), _texts(facts.get("outputs"))
    counts, distinct = (len(graph.inputs), len(graph.outputs)), len({*inputs, *outputs})
    if (len(inputs), len(outputs)) != counts or distinct != sum(counts):
        inputs = [one.name if one.name.isidentifier() else f"input{k}" for k, one in enumerate(graph.inputs)]
        outputs = [f"output{k}" for k in range(len(graph.outputs))]
    written = facts.get("metadata")
    if written is None:
        others = (program.extra[name] for name in _OF_OTHERS if name in program.extra)
        written = next((_facts(content) for content in others), {})
    return inputs, outputs, as_texts(written)


def _texts(names: object) -> list[str]:
    """The names in a file that can be names in a graph."""
    listed = names if isinstance(names, list) else []
    return [one for one in listed if isinstance(one, str) and one.isprintable() and 0 < len(one) <= _LONGEST_NAME]


def _facts(content: bytes | None) -> Mapping[str, Any]:
    if content is None:
        return {}
    try:
        found = parse_json(content.decode("utf-8", "surrogatepass"))
    except ValueError:
        found = read_literal(content.decode("utf-8", "replace"))
    return found if isinstance(found, dict) else {}


@cache
def _sources() -> str:
    """A digest of what makes a graph of a program, since it is kept; see `export_cache`."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
