"""What OpenVINO's preprocessing leaves of itself in a file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from detquant.importers import load_model
from detquant.importers.openvino.first_weights import channels_were_turned

ov = pytest.importorskip("openvino", reason="OpenVINO is not installed")
ops = pytest.importorskip("openvino.opset13")

RNG = np.random.default_rng(0)


def network(group: int = 1):
    """A convolution of a float image [1, 3, 16, 16]."""
    image = ops.parameter([1, 3, 16, 16], np.float32, name="images")
    image.output(0).set_names({"images"})
    weight = ops.constant(RNG.standard_normal((4, 3, 3, 3)).astype(np.float32), name="first.weight")
    layer = ops.convolution(image, weight, [1, 1], [0, 0], [0, 0], [1, 1], name="first")
    result = ops.relu(layer)
    result.output(0).set_names({"y"})
    return ov.Model([result], [image], "net")


def prepared(*, turned: bool, scaled: bool, last: bool = False, bytes_in: bool = False):
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(network())
    image = steps.input()
    if bytes_in:
        image.tensor().set_element_type(ov.Type.u8)
    image.tensor().set_layout(ov.Layout("NHWC" if last else "NCHW"))
    image.model().set_layout(ov.Layout("NCHW"))
    if bytes_in:
        image.preprocess().convert_element_type(ov.Type.f32)
    if turned:
        image.preprocess().reverse_channels()
    if scaled:
        image.preprocess().scale(255.0)
    return steps.build()


def saved(model, folder):
    path = folder / "net.xml"
    ov.save_model(model, path)
    return path


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_turned_channels_are_seen_in_the_first_weights(scaled, last, tmp_path):
    path = saved(prepared(turned=True, scaled=scaled, last=last), tmp_path)
    assert load_model(path).turned


@pytest.mark.parametrize("words", [{"scaled": False}, {"scaled": True}, {"scaled": True, "last": True}])
def test_others_are_left_alone(words, tmp_path):
    assert not load_model(saved(prepared(turned=False, **words), tmp_path)).turned


def test_the_older_converters_option_is_read():
    model = network()
    assert not channels_were_turned(model)
    model.set_rt_info("False", ["conversion_parameters", "reverse_input_channels"])
    assert not channels_were_turned(model)
    model.set_rt_info("True", ["conversion_parameters", "reverse_input_channels"])
    assert channels_were_turned(model)


def test_an_ir_keeps_its_element_type_and_layout(tmp_path):
    path = saved(prepared(turned=False, scaled=True, last=True, bytes_in=True), tmp_path)
    [image] = load_model(path).model.graph.inputs
    assert image.dtype.name == "UINT8" and tuple(image.shape) == (1, 16, 16, 3)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            {"reverse_input_channels": "True", "scale_values": "[255.0]"},  # as Ultralytics writes it
            {"rgb": True, "mean": [0, 0, 0], "std": [255, 255, 255]},
        ),
        (
            {"mean_values": "123.675 116.28 103.53", "scale_values": "58.395 57.12 57.375"},
            {"rgb": False, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
        ),
        ({"scale_values": "255", "embedded_processing": "YES"}, None),
        ({"scale_values": "1 2"}, None),
        ({"scale_values": "0"}, None),
        ({"labels": "cat dog"}, None),
    ],
)
def test_what_the_model_api_says_of_images_is_heeded(info, expected, tmp_path):
    model = network()
    for key, text in info.items():
        model.set_rt_info(text, ["model_info", key])
    found = load_model(saved(model, tmp_path)).metadata.get("detquant.input")
    assert (None if found is None else json.loads(found)) == expected
