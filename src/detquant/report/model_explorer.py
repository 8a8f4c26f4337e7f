"""What Google's Model Explorer shows on top of a graph: the error and the executed precision of each operator.

Its "custom node data" is an object of results by node, with colours for their values; one file is one layer of colour.
A file without the name of a graph counts for the graph that is looked at, so these serve the quantised file and the
float one, whose operators have the same names. Nodes are found by the names of operators in ONNX, and by the names of
tensors in TFLite, whose operators have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detquant.report.evidence import Evidence
from detquant.report.files import to_json

ERROR_FILE, PRECISION_FILE = "model_explorer.json", "model_explorer_precision.json"
NAMES = {ERROR_FILE: "SQNR (dB)", PRECISION_FILE: "executed precision"}
"""What the layers are called there."""
THRESHOLDS = ((10.0, "#b2182b"), (20.0, "#ef8a62"), (30.0, "#fddbc7"), (40.0, "#d1e5f0"), (120.0, "#67a9cf"))
"""Decibels up to which a node has a colour: red is where most is lost."""
COLOURS = {"int8": "#67a9cf", "int4": "#2166ac", "float": "#fdb863", "fp16": "#fee0b6", "bf16": "#fee0b6"}
OTHER = "#d9d9d9"
DIGITS = 2


def model_explorer_files(evidence: Evidence, *, by_tensor: bool = False) -> dict[str, str]:
    """The layers of colour by file name; one of which nothing is known is left out.

    Args:
        evidence: what is known of the inside of a model.
        by_tensor: whether nodes are found by the names of their results.
    """
    errors = {name: {"value": round(db, DIGITS)} for name, db in _errors(evidence, by_tensor=by_tensor).items()}
    words = {} if by_tensor else _precisions(evidence)
    told = {name: {"value": word, "bgColor": COLOURS.get(word, OTHER)} for name, word in words.items()}
    thresholds = [{"value": value, "bgColor": colour} for value, colour in THRESHOLDS]
    shown: dict[str, dict[str, Any]] = {
        ERROR_FILE: {"results": errors, "thresholds": thresholds},
        PRECISION_FILE: {"results": told, "showExpandedSummaryOnGroupNode": True},
    }
    return {file: to_json({"name": NAMES[file], **content}) for file, content in shown.items() if content["results"]}


def _errors(evidence: Evidence, *, by_tensor: bool) -> Mapping[str, float]:
    """SQNR by node: of its result where that is known, else of the block that it is a part of."""
    known = [one for one in evidence.tensors if one.kind == "activation" and one.cumulative_db is not None]
    if by_tensor:
        return {one.name: one.cumulative_db for one in known if one.cumulative_db is not None}
    found = {name: one.error_db for one in evidence.blocks for name in one.operators if one.error_db is not None}
    return {
        **found,
        **{one.operator: one.cumulative_db for one in known if one.operator and one.cumulative_db is not None},
    }


def _precisions(evidence: Evidence) -> Mapping[str, str]:
    return {name: one.executed for one in evidence.blocks for name in one.operators if one.executed is not None}
