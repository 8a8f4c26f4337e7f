"""Scores of a quantised SSD keep their order and their scale.

A naive quantisation flattens them: a grid from the smallest to the largest weight of the class head is too coarse for
all but a few, the logits lose what tells the classes apart, and the softmax makes of each label the same. Then no score
is above a threshold of 0.05, where the float model has thousands; a lower threshold finds something again, anywhere.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import detquant
from detquant.data import open_dataset, read_image
from detquant.pipeline.detector import Detector
from detquant.recipes import Recipe, parse_recipe
from detquant.targets import Runner, load_target

sys.path.append(str(Path(__file__).parent))
import trained_ssd

ASSETS = Path(__file__).resolve().parents[3] / "shared" / "assets"
THRESHOLD, LOWER = 0.05, 0.01
SPOKEN_OF = 0.02
"""Scores of the float model whose order and size are compared; far below them is noise."""


@dataclass(frozen=True, slots=True)
class Side:
    """The scores of a model, [images, anchors * classes]."""

    scores: np.ndarray

    def above(self, threshold: float) -> int:
        return int((self.scores > threshold).sum())

    @property
    def largest(self) -> float:
        """The largest score of an image, on average."""
        return float(self.scores.max(axis=1).mean())

    def order_kept(self, reference: Side) -> float:
        """Spearman's rank correlation over the scores that the reference gives more than `SPOKEN_OF`."""
        told = reference.scores > SPOKEN_OF
        ours, theirs = (np.argsort(np.argsort(side.scores[told])) for side in (self, reference))
        return float(np.corrcoef(ours, theirs)[0, 1])


def scores(detector: Detector, runner: Runner, images: list[Path]) -> Side:
    """What a model gives each class at each anchor."""
    family, found = detector.family, []
    for path in images:
        tensor, _ = family.preprocess(read_image(path))
        found.append(family.scores(runner.run({family.input_name: tensor})).ravel())
    return Side(np.stack(found))


def naive(weight: int, activation: int) -> Recipe:
    """One grid a tensor, from its smallest to its largest value, to the last softmax; and no step."""
    rule = {
        "weight": {"qtype": f"int{weight}", "granularity": "per_tensor", "observer": "minmax"},
        "activation": {"qtype": f"uint{activation}", "symmetric": False, "observer": "minmax"},
    }
    return parse_recipe({"name": "naive", "head": "int", "rules": [rule]}, "naive")


@pytest.fixture(scope="module")
def ssd(tmp_path_factory) -> tuple[Detector, Path]:
    """A small SSD with a trained head, and pictures that it was not trained on."""
    folder = tmp_path_factory.mktemp("ssd")
    trained_ssd.write_ssd(folder / "ssd.onnx")
    trained_ssd.write_pictures(folder / "pictures", 16)
    return detquant.load(folder / "ssd.onnx"), folder / "pictures"


@pytest.fixture(scope="module")
def made(ssd) -> Callable[[str | Recipe, str], Side]:
    """made(recipe, target): scores of the model quantised so."""
    detector, pictures = ssd

    def go(recipe: str | Recipe, target: str) -> Side:
        result = detquant.quantize(detector, pictures, recipe=recipe, target=target, calib=16, val_limit=2, force=True)
        return scores(detector, load_target(target).open(result.artefact), sorted(pictures.iterdir()))

    return go


@pytest.fixture(scope="module")
def reference(ssd) -> Side:
    detector, pictures = ssd
    return scores(detector, detector.open(), sorted(pictures.iterdir()))


def test_the_float_model_is_sure_of_some_and_unsure_of_others(reference: Side) -> None:
    assert reference.largest > 0.7
    assert reference.above(0.5) > 300 and reference.above(THRESHOLD) > 2 * reference.above(0.5)


@pytest.mark.parametrize("target", ["ort", "openvino"])
@pytest.mark.parametrize(
    ("recipe", "order", "scale", "count"),
    [("w8a8", 0.9, 0.08, 0.1), ("w4a8", 0.95, 0.05, 0.1), ("w4a4", 0.75, 0.1, 0.3)],
)
def test_scores_keep_their_order_and_their_scale(recipe, order, scale, count, target, made, reference: Side) -> None:
    if target == "openvino":
        pytest.importorskip("openvino", reason="the extra openvino is not installed")
    found = made(recipe, target)
    assert found.order_kept(reference) > order
    assert found.largest == pytest.approx(reference.largest, rel=scale)
    assert found.above(THRESHOLD) == pytest.approx(reference.above(THRESHOLD), rel=count)


def test_naive_grids_of_four_bits_flatten_them(made, reference: Side) -> None:
    found = made(naive(4, 8), "ort")
    assert found.above(THRESHOLD) == 0 and found.above(LOWER) > reference.above(LOWER)
    assert not found.order_kept(reference) > 0.5


@pytest.mark.slow
@pytest.mark.skipif(not ASSETS.is_dir(), reason="../shared/assets with real weights and images is absent")
@pytest.mark.parametrize(("recipe", "order"), [("w8a8", 0.95), ("w4a8", 0.9)])
def test_scores_of_a_real_ssd(recipe: str, order: float, tmp_path: Path) -> None:
    packed = ASSETS / "weights/more/ssd_mobilenet_v1_coco_float_recovered.onnx.xz"
    (tmp_path / "ssd.onnx").write_bytes(lzma.decompress(packed.read_bytes()))
    detector = detquant.load(tmp_path / "ssd.onnx")
    dataset = open_dataset(ASSETS / "coco/coco300.yaml")
    images = list(dataset.validation[:16])
    reference = scores(detector, detector.open(), images)
    result = detquant.quantize(detector, dataset, recipe=recipe, calib=32, val_limit=16)
    found = scores(detector, load_target("ort").open(result.artefact), images)
    assert found.order_kept(reference) > order
    assert found.largest == pytest.approx(reference.largest, rel=0.05)
    assert found.above(THRESHOLD) == pytest.approx(reference.above(THRESHOLD), rel=0.15)
