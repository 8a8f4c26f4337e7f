"""A small SSD whose class head is trained, for what trained heads have and drawn ones have not: sure and unsure boxes.

Cells of 8x8 pixels are of 80 colours or of a grey texture, the background. A trunk of drawn weights sees them, and a
softmax regression on what it gives tells their labels. As in networks whose BatchNorm was folded, channels differ in
range by far (Nagel et al., Data-Free Quantization, 2019, section 3.1), and some weights are far from all others: a grid
from the smallest to the largest value of a tensor cannot hold that in few bits.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import helper, numpy_helper

from detquant.families.ssd_layout import KEY, SSDLayout

SIDE, CELL, GRID, LABELS = 96, 8, 12, 81
ANCHORS = GRID * GRID
WIDTH = 64
SPREAD = 3.0
"""Channels differ in range by up to the square of this."""
STEPS, RATE, DECAY = 200, 0.05, 3e-4
WEAK, HOW_WEAK = 3, 40.0
"""How many channels in front of the heads are weaker than the others, and how many times; the heads make up for it."""


def write_ssd(path: Path) -> None:
    """Trains the head, and writes the network."""
    rng = np.random.default_rng(0)
    weights = trunk(rng)
    images, labels = pictures(rng, 32)
    seen = features(images, weights).astype(np.float32)
    kernel, bias = regression(seen.reshape(-1, WIDTH), labels.reshape(-1))
    for name in ("mix_w", "mix_b"):
        weights[name][:WEAK] /= HOW_WEAK
    kernel[:WEAK] *= HOW_WEAK
    weights |= {
        "classes_w": kernel.T.reshape(LABELS, WIDTH, 1, 1).astype(np.float32),
        "classes_b": bias.astype(np.float32),
        "boxes_w": rng.normal(0, 0.02, (4, WIDTH, 1, 1)).astype(np.float32),
        "boxes_shape": np.array([1, 4, ANCHORS]),
        "classes_shape": np.array([1, LABELS, ANCHORS]),
    }
    rows = [
        ("Conv", ["image", "stem_w", "stem_b"], ["a"], {"strides": [CELL, CELL], "name": "stem"}),
        ("Relu", ["a"], ["b"], {"name": "relu1"}),
        ("Conv", ["b", "mix_w", "mix_b"], ["c"], {"name": "mix"}),
        ("Relu", ["c"], ["d"], {"name": "relu2"}),
        ("Conv", ["d", "boxes_w"], ["e"], {"name": "boxes"}),
        ("Reshape", ["e", "boxes_shape"], ["f"], {"name": "boxes_flat"}),
        ("Transpose", ["f"], ["codes"], {"perm": [0, 2, 1], "name": "boxes_turned"}),
        ("Conv", ["d", "classes_w", "classes_b"], ["g"], {"name": "classes"}),
        ("Reshape", ["g", "classes_shape"], ["h"], {"name": "classes_flat"}),
        ("Transpose", ["h"], ["logits"], {"perm": [0, 2, 1], "name": "classes_turned"}),
        ("Softmax", ["logits"], ["scores"], {"axis": -1, "name": "softmax"}),
    ]
    ends = {"codes": [1, ANCHORS, 4], "scores": [1, ANCHORS, LABELS]}
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(op, takes, gives, **attributes) for op, takes, gives, attributes in rows],
        "ssd",
        [helper.make_tensor_value_info("image", kind, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in ends.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(model, {KEY: layout().to_json()})
    onnx.save(model, path)


def layout() -> SSDLayout:
    """One anchor for each cell; scores come out of the graph."""
    centres = (np.arange(GRID) + 0.5) / GRID
    y, x = (axis.ravel() for axis in np.meshgrid(centres, centres, indexing="ij"))
    size = np.full(ANCHORS, 1 / GRID)
    anchors = np.stack([x, y, size, size], axis=1).astype(np.float32)
    tenth, fifth = 0.1, 0.2
    return SSDLayout(
        boxes="codes", classes="scores", anchors=anchors, variances=(tenth, tenth, fifth, fifth), std=(255.0,) * 3
    )


def pictures(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures [count, SIDE, SIDE, 3], RGB of 0 to 255, and the label of each cell [count, GRID, GRID]."""
    labels = np.where(rng.random((count, GRID, GRID)) < 0.3, rng.integers(1, LABELS, (count, GRID, GRID)), 0)
    levels = np.array([40, 110, 180, 250])
    colours = np.stack(np.meshgrid(levels, levels, [20, 70, 120, 170, 220], indexing="ij"), -1).reshape(-1, 3)
    colours = np.concatenate([np.zeros((1, 3)), colours])
    noise = rng.normal(0, 8, (count, SIDE, SIDE, 3))
    grey = np.repeat(rng.integers(30, 225, (count, GRID, GRID, 1)), 3, axis=3)
    cells = np.where(labels[..., None] == 0, grey, colours[labels])
    whole = cells.repeat(CELL, axis=1).repeat(CELL, axis=2) + noise
    return np.clip(whole, 0, 255).round().astype(np.uint8), labels


def trunk(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Drawn weights of two layers, the channels between them of ranges far apart: what comes out is the same."""
    stem = rng.normal(0, 1, (WIDTH, 3, 1, 1)) + rng.normal(0, 0.3, (WIDTH, 3, CELL, CELL))
    stem /= CELL * CELL * math.sqrt(3)
    mix = rng.normal(0, 2 / math.sqrt(WIDTH), (WIDTH, WIDTH, 1, 1))
    uneven = np.exp(rng.uniform(-1, 1, WIDTH) * math.log(SPREAD))
    weights = {
        "stem_w": 6 * stem * uneven[:, None, None, None],
        "stem_b": rng.normal(0, 0.5, WIDTH) * uneven,
        "mix_w": mix / uneven[None, :, None, None],
        "mix_b": rng.normal(0, 0.2, WIDTH),
    }
    return {name: array.astype(np.float32) for name, array in weights.items()}


def features(images: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """What the trunk gives for each cell [count, GRID, GRID, WIDTH]."""
    patches = (images / 255).reshape(-1, GRID, CELL, GRID, CELL, 3).transpose(0, 1, 3, 5, 2, 4)
    flat = patches.reshape(*patches.shape[:3], -1)
    first = np.maximum(flat @ weights["stem_w"].reshape(WIDTH, -1).T + weights["stem_b"], 0)
    return np.maximum(first @ weights["mix_w"].reshape(WIDTH, WIDTH).T + weights["mix_b"], 0)


def regression(seen: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of a softmax regression, by Adam on all examples at once."""
    parts = [np.zeros((seen.shape[1], LABELS), np.float32), np.zeros(LABELS, np.float32)]
    first, second = ([np.zeros_like(part) for part in parts] for _ in range(2))
    wanted = np.eye(LABELS, dtype=np.float32)[labels]
    for step in range(1, STEPS + 1):
        logits = seen @ parts[0] + parts[1]
        scores = np.exp(logits - logits.max(1, keepdims=True))
        error = scores / scores.sum(1, keepdims=True) - wanted
        shift = error.mean(0)
        shift[1:] = shift[1:].mean()  # all classes are as frequent
        for place, gradient in enumerate((seen.T @ error / len(seen) + DECAY * parts[0], shift)):
            first[place] += 0.1 * (gradient - first[place])
            second[place] += 0.001 * (gradient**2 - second[place])
            rate = RATE / (1 - 0.9**step) * math.sqrt(1 - 0.999**step)
            parts[place] -= rate * first[place] / (np.sqrt(second[place]) + 1e-8)
    return parts[0], parts[1]


def write_pictures(folder: Path, count: int) -> None:
    """Pictures that the head was not trained on, as files."""
    folder.mkdir()
    images, _ = pictures(np.random.default_rng(1), count)
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / f"{number}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
