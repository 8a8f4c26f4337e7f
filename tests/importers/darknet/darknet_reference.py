"""Darknet in NumPy, written apart from the importer: what each layer of a cfg gives, and weights for it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

Options = dict[str, str]


def sections(text: str) -> list[tuple[str, Options]]:
    found: list[tuple[str, Options]] = []
    for line in (re.split("[#;]", line)[0].strip() for line in text.splitlines()):
        if line.startswith("["):
            found.append((line.strip("[]"), {}))
        elif line:
            key, value = (part.strip() for part in line.split("="))
            found[-1][1][key] = value
    return found


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def channels(text: str) -> list[int]:
    """Of each layer."""
    (_, net), *layers = sections(text)
    found: list[int] = []
    for index, (kind, options) in enumerate(layers):
        before = found[-1] if found else int(net["channels"])
        if kind == "convolutional":
            before = int(options["filters"])
        elif kind == "route":
            taken = [found[i if i >= 0 else index + i] for i in numbers(options["layers"])]
            before = sum(one // int(options.get("groups", 1)) for one in taken)
        found.append(before)
    return found


def convolutions(text: str) -> Iterator[tuple[int, bool, tuple[int, ...]]]:
    """Layer, whether it has BatchNorm, and the shape of its weights."""
    (_, net), *layers = sections(text)
    takes = [int(net["channels"]), *channels(text)]
    for index, (kind, options) in enumerate(layers):
        if kind == "convolutional":
            side = int(options["size"])
            shape = (int(options["filters"]), takes[index] // int(options.get("groups", 1)), side, side)
            yield index, options.get("batch_normalize", "0") == "1", shape


def write_weights(path: Path, text: str, version: tuple[int, int] = (0, 2), seed: int = 0) -> dict[int, list]:
    """A weights file for the cfg: values that keep maps near 1.

    Returns:
        Of each convolution by layer: bias, then gamma, mean and variance if there are any, then weights.
    """
    rng = np.random.default_rng(seed)
    arrays: dict[int, list[np.ndarray]] = {}
    with path.open("wb") as file:
        file.write(struct.pack("<3i", *version, 5))
        file.write(struct.pack("<Q" if version >= (0, 2) else "<I", 1234))
        for layer, normal, shape in convolutions(text):
            count, spread = shape[0], float(np.sqrt(1.5 / np.prod(shape[1:])))
            parts = [0.1 * rng.standard_normal(count, np.float32)]
            if normal:
                parts += [rng.uniform(0.5, 1.5, count), 0.1 * rng.standard_normal(count), rng.uniform(0.5, 2, count)]
            parts.append(spread * rng.standard_normal(shape, np.float32))
            arrays[layer] = [part.astype("<f4") for part in parts]
            for part in arrays[layer]:
                file.write(part.tobytes())
    return arrays


def forward(text: str, arrays: dict[int, list], image: np.ndarray) -> list[np.ndarray]:
    """What each layer gives for an image [channels, height, width]."""
    maps: list[np.ndarray] = []
    for index, (kind, options) in enumerate(sections(text)[1:]):
        x = maps[-1] if maps else image
        step = int(options.get("stride", 1))
        if kind == "convolutional":
            x = convolve(x, arrays[index], options, step)
        elif kind == "maxpool":
            x = pool(x, int(options.get("size", step)), step)
        elif kind == "upsample":
            x = x.repeat(step, axis=1).repeat(step, axis=2)
        elif kind == "route":
            groups, part = int(options.get("groups", 1)), int(options.get("group_id", 0))
            x = np.concatenate([np.split(maps[i], groups)[part] for i in numbers(options["layers"])])
        elif kind == "shortcut":
            x = activate(x + sum(maps[i] for i in numbers(options["from"])), options.get("activation", "linear"))
        maps.append(x)
    return maps


def convolve(x: np.ndarray, arrays: list, options: Options, stride: int) -> np.ndarray:
    *norm, weight = arrays
    side = weight.shape[2]
    pad = side // 2 if int(options.get("pad", 0)) else int(options.get("padding", 0))
    padded = np.pad(x.astype(np.float64), ((0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    groups = int(options.get("groups", 1))
    pairs = zip(np.split(windows, groups), np.split(weight, groups), strict=True)
    y = np.concatenate([np.einsum("chwij,ocij->ohw", part, kernel) for part, kernel in pairs])
    shift = norm[0].reshape(-1, 1, 1)
    if len(norm) == 4:
        gamma, mean, variance = (one.reshape(-1, 1, 1).astype(np.float64) for one in norm[1:])
        y = gamma * (y - mean) / np.sqrt(variance + 1e-5)
    return activate(y + shift, options.get("activation", "logistic"))


def pool(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Windows begin (size - 1) // 2 before the map, as many as fit into size - 1 more cells."""
    _, *sides = x.shape
    counts = [(side - 1) // stride + 1 for side in sides]
    before = (size - 1) // 2
    padded = np.pad(x, ((0, 0), (before, size * stride), (before, size * stride)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return windows[:, : counts[0], : counts[1]].max(axis=(3, 4))


def activate(x: np.ndarray, name: str) -> np.ndarray:
    return {
        "linear": lambda: x,
        "leaky": lambda: np.where(x > 0, x, 0.1 * x),
        "relu": lambda: np.maximum(x, 0),
        "logistic": lambda: 1 / (1 + np.exp(-x)),
        "swish": lambda: x / (1 + np.exp(-x)),
        "mish": lambda: x * np.tanh(np.log1p(np.exp(x))),
    }[name]()
