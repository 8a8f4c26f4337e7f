"""What stands in for the NPU computes what the NPU is held to: TensorFlow's reference arithmetic, written down anew."""

from __future__ import annotations

import numpy as np
import pytest

import detquant
from detquant.data import iter_images
from detquant.numerics import INT8, QuantParams
from detquant.targets import load_target
from detquant.targets.tflite.file import File, Options
from detquant.targets.tflite.target import FILE

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
from plain_npu import Plain, times

TARGET = load_target("ethosu")
DATA = {"yolov8-pico": "scenes", "resnet-pico": "crops"}
RNG = np.random.default_rng(11)


def seen(name):
    """An image of the model's data, as codes."""
    family = detquant.load(name).family
    _, pixels = next(iter_images(detquant.open_dataset(DATA[name]).validation[:1], []))
    image = family.preprocess(pixels)[0]
    return (np.rint(image * 255) - 128).transpose(0, 2, 3, 1).astype(np.int8)


def grid(scale, zero_point=0):
    return QuantParams(INT8, np.asarray(scale, np.float32), np.asarray(zero_point, np.int64))


@pytest.mark.parametrize("name", ["resnet-pico", "yolov8-pico"])
def test_an_embedded_model_gives_the_codes_of_whole_numbers(name, artefact):
    content = artefact(name).files[FILE]
    interpreter = TARGET.interpreter(content, 1, reference=True)
    image = interpreter.get_input_details()[0]
    codes = seen(name)
    assert codes.shape == tuple(image["shape"])
    interpreter.set_tensor(image["index"], codes)
    interpreter.invoke()
    expected = Plain(content).run(codes)
    found = {one["name"]: interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()}
    assert max(len(np.unique(one)) for one in found.values()) > 8
    for key, one in found.items():
        np.testing.assert_array_equal(one, expected[key])


def test_what_the_target_opens_is_that(artefact):
    made = artefact("resnet-pico")
    runner, image = TARGET.open(made), RNG.random((1, 3, 32, 32)).astype(np.float32)
    found = runner.run({"images": image})
    codes = (np.floor(image.transpose(0, 2, 3, 1) * 255 + 0.5) - 128).clip(-128, 127).astype(np.int8)
    scale = float(next(iter(runner.grids[name] for name in found)).scale)
    expected = Plain(made.files[FILE])
    [out] = expected.graph.outputs
    real = (expected.run(codes)[expected.graph.tensors[out].name.decode()] - expected.point(out)) * scale
    np.testing.assert_allclose(next(iter(found.values())), real, atol=1e-5)
    assert runner.delegates() == 0


def product(kernel):
    """Every code times every code, on grids that round many products at a half or near it."""
    file, maps = File(), [1, 256, 256, 1]
    a, b = file.tensor("a", maps, "int8", grid(0.5)), file.tensor("b", maps, "int8", grid(0.5))
    y = file.tensor("y", maps, "int8", grid(16.0))
    file.operator("MUL", [a, b], [y], Options("Mul", {}))
    interpreter = TARGET.interpreter(file.finish({"a": a, "b": b}, {"y": y}, {}), 1, reference=kernel)
    every = np.arange(-128, 128, dtype=np.int8)
    feeds = np.broadcast_to(every[:, None], (256, 256)), np.broadcast_to(every[None], (256, 256))
    for one, feed in zip(interpreter.get_input_details(), feeds, strict=True):
        interpreter.set_tensor(one["index"], feed.reshape(maps))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).reshape(256, 256), every


def test_the_fast_kernels_round_halves_the_other_way():
    found, every = product(True)
    whole = every.astype(np.int64)
    expected = np.clip(times(whole[:, None] * whole[None], 1 / 64), -128, 127)
    np.testing.assert_array_equal(found, expected)
    fast, _ = product(False)
    assert np.abs(fast.astype(int) - found).max() == 1
