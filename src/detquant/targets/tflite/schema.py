"""LiteRT's own bindings of the ``.tflite`` format, and what detquant keeps in a file's metadata."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

from detquant.errors import MissingExtra

SIGNATURE = "serving_default"
METADATA = "detquant"
LAYOUTS = "layouts"
PROPERTIES = "properties"


def schema() -> Any:
    """LiteRT's bindings of the format.

    Raises:
        MissingExtra: LiteRT is not installed.
    """
    if find_spec("ai_edge_litert") is None:
        raise MissingExtra("LiteRT", "tflite")
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def read_metadata(content: bytes) -> dict[str, Any]:
    """The metadata that `File.finish` was given, read from a file; empty for files of other writers."""
    model = schema().Model.GetRootAs(content)
    for number in range(model.MetadataLength()):
        one = model.Metadata(number)
        if one.Name() == METADATA.encode():
            found: dict[str, Any] = json.loads(bytes(model.Buffers(one.Buffer()).DataAsNumpy()))
            return found
    return {}
