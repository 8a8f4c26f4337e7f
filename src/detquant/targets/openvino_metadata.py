"""What a graph says about itself, in an IR: any key, any text.

OpenVINO's converter puts the metadata of an ONNX file into the section "framework" of an IR, whatever the key. At the
top of that tree are names of OpenVINO's own: an IR that says "version" there is read as a number, or not at all.

1. Entries that XML can hold stay where the converter puts them.
2. All others are one JSON text in ASCII, at "detquant/metadata": XML 1.0 has no way to write most control characters
   (section 2.2), and OpenVINO ends a text at NUL.
3. Entries of detquant itself are at the top too, "detquant.family" at "detquant/family", for readers of IRs.

`detquant.importers.openvino.metadata` reads them all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

from detquant.importers.openvino.metadata import OF_ONNX, OTHERS

_KEY = ".".join(OTHERS)
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OWN = re.compile(r"detquant\.[a-z_][a-z0-9_]*")


def for_converter(graph: ir.Model) -> ir.Model:
    """The graph with the entries that XML can hold; the graph itself where that is all of them."""
    others = _others(graph.metadata_props)
    if not others:
        return graph
    kept = graph.clone()
    for key in others:
        del kept.metadata_props[key]
    return kept


def write(model: Any, metadata: Mapping[str, str]) -> None:
    """Adds the entries that XML cannot hold, and detquant's own (cases 2 and 3), to an `openvino.Model`.

    Args:
        model: the model that the converter gives; the entries are added to it.
        metadata: metadata of the graph.
    """
    others = _others(metadata)
    for key, text in metadata.items():
        if key not in others and _OWN.fullmatch(key):
            model.set_rt_info(text, key.split("."))
    if others:
        model.set_rt_info(json.dumps(others, sort_keys=True), OTHERS)


def add(model: Any, entries: Mapping[str, str]) -> None:
    """Adds entries of detquant itself to an IR that was written before, where the converter would have put them.

    Args:
        model: an `openvino.Model`; the entries are added to it.
        entries: text that XML can hold, by key.
    """
    for key, text in entries.items():
        model.set_rt_info(text, [OF_ONNX, key])
    write(model, entries)


def _others(metadata: Mapping[str, str]) -> dict[str, str]:
    """The entries that XML cannot hold (case 2), and an entry under the key that these are kept under."""
    return {key: text for key, text in metadata.items() if _NO_XML.search(key + text) or key == _KEY}
