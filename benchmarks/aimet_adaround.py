"""AIMET's AdaRound at given widths: run by the Python of an environment that has aimet-onnx, never by detquant's.

    AIMET_PYTHON benchmarks/aimet_adaround.py FOLDER

FOLDER holds what `aimet.py` writes: the float graph, the calibration images as network inputs, and the widths of each
layer's weight and of each tensor. What AIMET makes of it goes there too: a QDQ graph, and what that took.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from aimet_onnx import QuantizationSimModel, apply_adaround
from aimet_onnx.common import quantsim_config

FLOAT, IMAGES, WISH, MADE, TOOK = "float.onnx", "images.npy", "wish.json", "aimet.onnx", "took.json"
PER_CHANNEL = Path(quantsim_config.__file__).parent / "default_config_per_channel.json"
WEIGHT = 1
"""Place of a layer's weight among its inputs."""


def adaround(folder: Path) -> None:
    """Quantises the graph in a folder, and writes the result beside it."""
    wish = json.loads((folder / WISH).read_text(encoding="utf-8"))
    images = np.load(folder / IMAGES, mmap_mode="r")
    feeds = [{wish["input"]: np.ascontiguousarray(image[None])} for image in images]
    model = onnx.load(folder / FLOAT)
    read_by = {node.input[WEIGHT]: node.name for node in model.graph.node if len(node.input) > WEIGHT}
    started = time.perf_counter()
    sim = QuantizationSimModel(
        model,
        param_type="int8",
        activation_type="int8",
        quant_scheme=wish["scheme"],
        config_file=str(PER_CHANNEL),
        session_options_kwargs={"intra_op_num_threads": wish["threads"]},
    )
    set_widths(sim, {name: wish["weights"].get(node) for name, node in read_by.items()}, wish["tensors"])
    apply_adaround(sim, feeds, num_iterations=wish["iterations"])
    sim.compute_encodings(feeds)
    seconds = time.perf_counter() - started
    onnx.save(sim.to_onnx_qdq(prequantize_constants=True), folder / MADE)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    (folder / TOOK).write_text(json.dumps({"seconds": seconds, "peak_mb": peak}), encoding="utf-8")


def set_widths(sim: Any, weights: dict[str, int | None], tensors: dict[str, int]) -> None:
    """Gives every quantiser its width, by the name of its tensor; one that nobody asked for is switched off."""
    parameters = set(sim.param_names)
    for name, quantiser in sim.qc_quantize_op_dict.items():
        bits = weights.get(name) if name in parameters else tensors.get(name)
        quantiser.enabled = bits is not None
        if bits is not None:
            quantiser.set_bitwidth(bits)


if __name__ == "__main__":
    adaround(Path(sys.argv[1]))
