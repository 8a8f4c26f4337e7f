"""What most people try first: onnxruntime's own static quantisation, as it comes.

By default `quantize_static` takes every operator that it can, gives weights and activations one grid a tensor, and
spans each grid from the smallest to the largest value it has seen.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from onnx import ModelProto

from detquant.calibration import Feed
from detquant.errors import ModelError, in_short


def quantize_naively(model: ModelProto, feeds: Iterator[Feed], **options: Any) -> bytes:
    """Quantises with `onnxruntime.quantization.quantize_static`.

    Args:
        model: the float graph; onnxruntime advises to prepare it, which `detquant.graph.prepare` does.
        feeds: calibration images as network inputs.
        options: of `quantize_static`; without any it goes by its defaults.

    Returns:
        A QDQ ONNX file.

    Raises:
        ModelError: onnxruntime fails; the sentence holds its reason.
    """
    from onnxruntime.quantization import quantize_static  # takes half a second, and few commands want it

    given = ModelProto()
    given.CopyFrom(model)  # quantize_static moves the weights of what it is given into a file, which it deletes
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder, "model.onnx")
        try:
            quantize_static(given, path, _Reader(feeds), **options)
        except Exception as error:  # its failures have no common class
            raise ModelError(f"onnxruntime's quantize_static fails with {in_short(error)}.") from error
        return path.read_bytes()


class _Reader:
    """Feeds as onnxruntime asks for them: one at a time, None after the last."""

    def __init__(self, feeds: Iterator[Feed]) -> None:
        self._feeds = feeds

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Takes what it prints, and its advice to prepare the graph, which the root logger would show."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.disable(before)
