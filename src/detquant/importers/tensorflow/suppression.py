"""The outputs of CombinedNonMaxSuppression inside TensorFlow's functions, so that OpenVINO tells them apart.

Within a function a tensor is named by operation, output and place: "nms:nmsed_scores:0". OpenVINO knows the outputs of
an operation that was added to its frontend by their place only, and would take each of them for the first. So the
place is written as that among all outputs, in a copy of the graph: "nms:nmsed_scores:1". Lengths stay the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLACES = {
    b":nmsed_scores:0": b":nmsed_scores:1",
    b":nmsed_classes:0": b":nmsed_classes:2",
    b":valid_detections:0": b":valid_detections:3",
}


def numbered(graph: bytes) -> bytes:
    """The graph with those names changed.

    Args:
        graph: a GraphDef or SavedModel.
    """
    for name, other in _PLACES.items():
        graph = graph.replace(name, other)
    return graph


@contextmanager
def with_numbered_outputs(path: Path) -> Iterator[Path]:
    """A frozen graph, or a copy of it where a function of it holds such names."""
    content = path.read_bytes()
    changed = numbered(content)
    if changed == content:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="detquant-graph-") as name:
        copy = Path(name) / "model.pb"
        copy.write_bytes(changed)
        yield copy
