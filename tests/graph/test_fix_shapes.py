from __future__ import annotations

import pytest

from detquant.errors import ModelError
from detquant.graph.fix_shapes import fix_shapes
from detquant.graph.values import static_shape


def relu(build, shape, **more):
    return build([("Relu", ["x"], ["y"], {})], {"x": shape, **more}, {"y": None})


@pytest.mark.parametrize(
    ("shape", "imgsz", "fixed"),
    [
        (["batch", 3, 64, 96], None, (1, 3, 64, 96)),
        ([None, 3, None, None], 32, (1, 3, 32, 32)),
        (["b", 3, "h", "w"], (32, 48), (1, 3, 32, 48)),
        ([1, "h", "w", 3], (32, 48), (1, 32, 48, 3)),
        ([1, 3, 64, 96], (64, 96), (1, 3, 64, 96)),
    ],
)
def test_free_dimensions_are_fixed(build, shape, imgsz, fixed):
    model = fix_shapes(relu(build, shape), imgsz)
    assert static_shape(model.graph.inputs[0]) == fixed


def test_the_size_that_the_exporter_wrote_is_used(build):
    model = relu(build, ["batch", 3, "height", "width"])
    model.metadata_props["imgsz"] = "[320, 640]"
    assert static_shape(fix_shapes(model).graph.inputs[0]) == (1, 3, 320, 640)


def test_what_is_asked_for_comes_before_what_the_exporter_wrote(build):
    model = relu(build, ["batch", 3, "height", "width"])
    model.metadata_props["imgsz"] = "[320, 640]"
    assert static_shape(fix_shapes(model, 64).graph.inputs[0]) == (1, 3, 64, 64)


@pytest.mark.parametrize("written", ["", "large", "[320]", "[0, 320]", '{"a": 1}'])
def test_a_size_that_is_no_size_is_not_used(build, written):
    model = relu(build, ["batch", 3, "height", "width"])
    model.metadata_props["imgsz"] = written
    with pytest.raises(ModelError, match=r"free dimensions \('x' is \[1, 3, height, width\]\): pass --imgsz"):
        fix_shapes(model)


def test_another_size_than_the_fixed_one_is_refused(build):
    with pytest.raises(ModelError, match=r"fixed to 64x96 .* and 32x32 was asked for"):
        fix_shapes(relu(build, [1, 3, 64, 96]), 32)


def test_a_free_dimension_that_is_no_height_or_width_is_refused(build):
    with pytest.raises(ModelError, match="free dimensions"):
        fix_shapes(relu(build, [1, 3, 8, 8], extra=[1, "boxes"]), 8)


def test_a_size_of_nothing_is_refused(build):
    with pytest.raises(ModelError, match="0x0 makes no sense"):
        fix_shapes(relu(build, ["b", 3, "h", "w"]), 0)
