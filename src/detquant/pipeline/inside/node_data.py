"""What Model Explorer shows on top of a quantised file, by the names that nodes have in that file."""

from __future__ import annotations

from pathlib import PurePath

from detquant.report.evidence import Evidence
from detquant.report.model_explorer import model_explorer_files
from detquant.targets import Artefact

NAMELESS = frozenset({".tflite"})
"""Files whose operators have no names: there a node is found by its result."""


def node_data(evidence: Evidence, artefact: Artefact) -> dict[str, bytes]:
    """Files to be written beside an artefact, by name; none where nothing is known.

    Args:
        evidence: what is known of the inside of the model.
        artefact: its files.
    """
    by_tensor = any(PurePath(name).suffix in NAMELESS for name in artefact.files)
    return {name: text.encode() for name, text in model_explorer_files(evidence, by_tensor=by_tensor).items()}
