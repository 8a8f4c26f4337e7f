"""Models that take sizes besides their image, and models of grey images."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Signature, find_family
from detquant.families.given_inputs import KNOWN

IMAGE = {"image": (1, 3, 96, 128)}
ROWS = {"rows": (30, 6), "count": (1,)}


def test_each_known_input_stands_for_an_image_of_the_inputs_size() -> None:
    family, _ = find_family(Signature(IMAGE | dict.fromkeys(KNOWN, (1, 2)), ROWS))
    assert family.input_name == "image" and (family.height, family.width) == (96, 128)
    expected = {"im_shape": [[96, 128]], "scale_factor": [[1, 1]], "orig_target_sizes": [[128, 96]]}
    assert {name: array.tolist() for name, array in family.given.items()} == expected
    assert family.given["orig_target_sizes"].dtype == np.int64 and family.given["im_shape"].dtype == np.float32
    tensor, _ = family.preprocess(np.zeros((50, 60, 3), np.uint8))
    assert set(family.feeds(tensor)) == {"image", *KNOWN}


def test_the_size_of_the_image_tells_an_rt_detr_of_paddles() -> None:
    plain, _ = find_family(Signature(IMAGE | {"im_shape": (1, 2), "scale_factor": (1, 2)}, ROWS))
    normalised, _ = find_family(Signature(IMAGE | {"scale_factor": (1, 2)}, ROWS))
    assert plain.form.std == (255.0,) * 3 and normalised.form.std == (58.395, 57.12, 57.375)


@pytest.mark.parametrize(
    "others",
    [{"scale_factor": (1, 4)}, {"anchors": (1, 2)}, {"image2": (1, 3, 96, 128)}, {"scale_factor": (1, 2), "x": (1, 2)}],
)
def test_other_inputs_are_refused(others: dict) -> None:
    with pytest.raises(ModelError, match="one image input"):
        find_family(Signature(IMAGE | others, ROWS))


def test_a_grey_model_is_given_one_channel() -> None:
    family, _ = find_family(Signature({"i": (1, 1, 64, 64)}, {"o": (1, 14, 84)}))
    assert family.name == "yolov8" and family.channels == 1
    image = np.zeros((64, 64, 3), np.uint8)
    image[...] = (255, 0, 0)  # blue weighs 0.114
    tensor, _ = family.preprocess(image)
    assert tensor.shape == (1, 1, 64, 64) and tensor.flags.c_contiguous
    np.testing.assert_allclose(tensor, 29 / 255, atol=1e-6)


def test_the_numbers_of_three_channels_become_one() -> None:
    outputs = {f"{kind}{n}": (1, n, size) for n in (64, 16, 4) for kind, size in (("a", 5), ("b", 32))}
    family, _ = find_family(Signature({"i": (1, 1, 64, 64)}, outputs))
    assert family.name == "nanodet"
    tensor, _ = family.preprocess(np.full((64, 64, 3), 255, np.uint8))
    mean, std = np.mean([103.53, 116.28, 123.675]), np.mean([57.375, 57.12, 58.395])
    np.testing.assert_allclose(tensor, (255 - mean) / std, rtol=1e-5)


def test_outputs_of_any_number_of_rows_are_paddles_alone() -> None:
    free = {"rows": (None, 6), "count": (1,)}
    assert find_family(Signature(IMAGE, free))[0].name == "paddle"
    assert find_family(Signature(IMAGE, free), "paddle")[0].name == "paddle"
    for outputs, name in (({"rows": (None, 7), "count": (1,)}, "auto"), (free, "yolov8"), (free, "ssd")):
        with pytest.raises(ModelError, match="dynamic outputs"):
            find_family(Signature(IMAGE, outputs), name)
