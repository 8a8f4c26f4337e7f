"""A classifier counts as a detector of one cell; its preprocessing is what its file or its user says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.families import Signature, find_family
from detquant.families.classifier import Classifier
from detquant.families.preprocessing import PREPROCESSING, Preprocessing, chosen_preprocessing

IMAGE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)


TOLD = {"task": "classify"}


def classifier(count: int = 10, side: int = 224, metadata: dict[str, str] | None = None) -> Classifier:
    family, _ = find_family(Signature({"i": (1, 3, side, side)}, {"o": (1, count)}, metadata or {}))
    assert isinstance(family, Classifier) and family.task == "classify"
    return family


@pytest.mark.parametrize(
    ("count", "side", "metadata", "name"),
    [
        (1000, 224, {}, "imagenet"),
        (1001, 224, {}, "tensorflow"),
        (10, 32, {}, "imagenet-uncropped"),
        (10, 224, {"task": "classify"}, "unit"),
        (10, 224, {"detquant.preprocess": "caffe"}, "caffe"),
        (10, 224, {"detquant.preprocess": PREPROCESSING["caffe"].to_json()}, "caffe"),
    ],
)
def test_preprocessing_is_told_or_assumed(count: int, side: int, metadata: dict[str, str], name: str) -> None:
    family = classifier(count, side, metadata)
    assert family.form == PREPROCESSING[name]
    again = classifier(count, side, family.facts())
    assert again.form == family.form
    _, reason = find_family(Signature({"i": (1, 3, side, side)}, {"o": (1, count)}, metadata))
    assert ("--preprocess" in reason) == ("detquant.preprocess" not in metadata)


def test_logits_and_probabilities_are_told_apart() -> None:
    family, logits = classifier(4, metadata=TOLD), np.array([[1.0, 3.0, -2.0, 0.5]], np.float32)
    chances = np.exp(logits) / np.exp(logits).sum()
    assert family.scores({"o": logits}) == pytest.approx(chances, abs=1e-6)
    assert family.scores({"o": chances}) == pytest.approx(chances, abs=1e-6)
    assert family.scores({"o": logits[..., None, None]}).shape == (1, 4)


def test_background_is_no_class() -> None:
    family, logits = classifier(1001), np.zeros((1, 1001), np.float32)
    logits[0, 0], logits[0, 8] = 9, 5
    assert family.num_classes == 1000
    assert family.decode({"o": logits}, family.preprocess(IMAGE)[1]).class_id[0] == 7


def test_decode_gives_the_likeliest_first() -> None:
    family, logits = classifier(8, metadata=TOLD), np.array([[0, 5, 1, 5, 4, -9, 2, 3]], np.float32)
    _, geometry = family.preprocess(IMAGE)
    found = family.decode({"o": logits}, geometry)
    assert found.class_id.tolist() == [1, 3, 4, 7, 6]
    assert found.confidence[0] == found.confidence[1] > found.confidence[2]
    assert family.confident_detections(found).class_id.tolist() == [1]
    assert len(family.decode({"o": logits}, geometry, confidence=0.3)) == 2


def test_the_box_is_what_the_network_saw() -> None:
    family = classifier(4, 224, {"detquant.preprocess": "imagenet"})
    tensor, geometry = family.preprocess(IMAGE)
    found = family.decode({"o": np.zeros((1, 4), np.float32)}, geometry)
    side = 300 * 0.875
    expected = [(400 - side) / 2, (300 - side) / 2, (400 + side) / 2, (300 + side) / 2]
    assert tensor.shape == (1, 3, 224, 224) and found.xyxy[0] == pytest.approx(expected, abs=1.5)


def test_pixels_go_in_as_the_settings_say() -> None:
    image = np.full((40, 60, 3), (10, 20, 30), np.uint8)
    rgb = Preprocessing(mean=(1, 2, 3), std=(2, 4, 8))(image, 32, 32)[0]
    assert rgb[0, :, 5, 5] == pytest.approx([29 / 2, 18 / 4, 7 / 8])
    bgr = Preprocessing(rgb=False, mean=(1, 2, 3), std=(1, 1, 1))(image, 32, 32)[0]
    assert bgr[0, :, 5, 5] == pytest.approx([9, 18, 27])


@pytest.mark.parametrize(("height", "width"), [(31, 500), (500, 31), (1, 1), (224, 224), (255, 257)])
def test_images_of_any_shape_fill_the_input(height: int, width: int) -> None:
    for setting in PREPROCESSING.values():
        tensor, _ = setting(np.zeros((height, width, 3), np.uint8), 224, 200)
        assert tensor.shape == (1, 3, 224, 200) and tensor.flags.c_contiguous and np.isfinite(tensor).all()


def test_a_centre_crop_is_the_centre() -> None:
    image = np.arange(256 * 256 * 3, dtype=np.uint32).reshape(256, 256, 3).astype(np.uint8)
    tensor, _ = PREPROCESSING["caffe"](image, 227, 227)
    centre = image[14:241, 14:241].transpose(2, 0, 1).astype(np.float32)
    assert np.array_equal(tensor[0], centre - np.array([104, 117, 123], np.float32).reshape(3, 1, 1))


def test_a_user_chooses_by_name_or_file(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("rgb = false\nmean = [1, 2, 3]\ncrop = 0.5\n")
    assert chosen_preprocessing(str(path)) == Preprocessing(rgb=False, mean=(1, 2, 3), crop=0.5)
    assert chosen_preprocessing("unit") == Preprocessing()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("mean = [1, 2]", "does not fit"),
        ("crop = 0", "does not fit"),
        ("rgb = 1", "does not fit"),
        ("std = [1, nan, 1]", "does not fit"),
        ("crop = true", "does not fit"),
        ("size = 3", "other keys"),
        ("mean = ", "not a TOML file"),
    ],
)
def test_a_faulty_file_is_refused(content: str, words: str, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(ModelError, match=words):
        chosen_preprocessing(str(path))


def test_what_is_no_setting_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"did you mean 'imagenet'.*\.toml"):
        chosen_preprocessing("imagnet")
    with pytest.raises(ModelError, match="cannot be read"):
        chosen_preprocessing(str(tmp_path / "none.toml"))
    with pytest.raises(ModelError, match="neither JSON"):
        classifier(4, 224, {"detquant.preprocess": json.dumps([1])[:-1]})
