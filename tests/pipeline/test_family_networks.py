"""Networks of each family's published topology go all the way: looked at, measured, quantised, run in two runtimes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.append(str(Path(__file__).parent))

from family_networks import convolutional, transformers
from family_networks.net import Net

from detquant.data import Dataset, open_dataset, read_image
from detquant.families import Family
from detquant.families.signature import Outputs
from detquant.families.ultraface import anchors
from detquant.graph.running import OrtRunner
from detquant.pipeline.detector import load
from detquant.pipeline.evaluate import evaluate
from detquant.pipeline.export import export
from detquant.pipeline.file_ends import said_of_ends
from detquant.pipeline.inspection import inspect
from detquant.pipeline.quantize import quantize
from detquant.recipes import load_recipe
from detquant.targets import load_target

HEIGHT, WIDTH, CLASSES, IMAGES = 128, 160, 10, 2
PLAIN = replace(load_recipe("w8a8"), steps=())
LEAST_SQNR, MOST_MOVED = 12.0, 0.02
"""Decibel that scores keep at least, and the part of the input's width by which boxes move at most, in the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network.

    Attributes:
        family: the family that it is to be told as.
        make: writes it down.
        classes: how many classes its file names; 0 for faces.
        metadata: of its file.
        inputs: names of its inputs besides the image.
    """

    family: str
    make: Callable[[], Net]
    classes: int = CLASSES
    metadata: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()


def conv(name: str, *args: object, **options: object) -> Callable[[], Net]:
    return lambda: getattr(convolutional, name)(HEIGHT, WIDTH, *args, **options)


def ultraface(*, decoded: bool) -> Callable[[], Net]:
    return lambda: convolutional.ultraface(120, WIDTH, decoded=decoded, anchors=anchors(120, WIDTH))


def detr(form: str) -> Callable[[], Net]:
    return lambda: transformers.detr(HEIGHT, WIDTH, CLASSES, form)


SCALE, SIZES = ("scale_factor",), ("orig_target_sizes",)
CASES = {
    "picodet-raw": Case(family="picodet", make=conv("picodet", CLASSES, "raw")),
    "picodet-decoded": Case(family="picodet", make=conv("picodet", CLASSES, "decoded"), inputs=SCALE),
    "picodet-rows": Case(family="paddle", make=conv("picodet", CLASSES, "rows"), inputs=SCALE),
    "nanodet-plus": Case(family="nanodet-plus", make=conv("nanodet_plus", CLASSES)),
    "fastestdet": Case(family="fastestdet", make=conv("fastestdet", CLASSES)),
    "grey": Case(family="fastestdet", make=conv("fastestdet", CLASSES, channels=1)),
    "yolo-fastestv2": Case(family="yolo-fastestv2", make=conv("yolo_fastestv2", CLASSES, raw=True)),
    "yolo-fastestv2-joined": Case(family="yolo-fastestv2", make=conv("yolo_fastestv2", CLASSES, raw=False)),
    "yunet": Case(family="yunet", make=conv("yunet"), classes=0),
    "ultraface": Case(family="ultraface", make=ultraface(decoded=True), classes=0),
    "ultraface-codes": Case(family="ultraface", make=ultraface(decoded=False), classes=0),
    "efficientdet-lite": Case(
        family="ssd-raw",
        make=lambda: convolutional.efficientdet(HEIGHT, CLASSES),
        metadata={"detquant.ssd": convolutional.efficientdet_layout(HEIGHT).to_json()},
    ),
    "scrfd": Case(family="scrfd", make=conv("scrfd"), classes=0),
    "retinaface": Case(family="retinaface", make=conv("retinaface"), classes=0),
    "rt-detr": Case(family="rt-detr", make=detr("rows")),
    "detr": Case(family="detr", make=detr("pair")),
    "rf-detr": Case(family="detr", make=detr("rf")),
    "rt-detr-deploy": Case(family="detr-topk", make=detr("deploy"), inputs=SIZES),
    "d-fine-deploy": Case(family="detr-topk", make=detr("fine"), inputs=SIZES),
}
QUICK = ("picodet-decoded", "yunet")
"""What runs in each run of the tests; the others are slow together."""
BY_NAME = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CASES]


@pytest.fixture(scope="module")
def scenes() -> Dataset:
    return open_dataset("scenes")


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path, scenes: Dataset) -> tuple[Case, Path]:
    case = CASES[request.param]
    names = scenes.classes or ()
    return case, case.make().save(tmp_path / "net.onnx", case.metadata, names[: case.classes])


def signal_to_noise(clean: np.ndarray, noisy: np.ndarray) -> float:
    """Decibel by which what differs between cells stands out of the noise."""
    signal = clean - clean.mean(axis=0)
    return float(10 * np.log10((signal**2).sum() / ((clean - noisy) ** 2).sum()))


def compare_cells(family: Family, clean: Outputs, noisy: Outputs) -> None:
    """Each cell sees about the same, if rows are cells."""
    assert signal_to_noise(family.scores(clean), family.scores(noisy)) > LEAST_SQNR
    assert np.abs(family.boxes(clean) - family.boxes(noisy)).mean() < MOST_MOVED * WIDTH


def compare_found(family: Family, clean: Outputs, noisy: Outputs) -> None:
    """Each of the best rows has one of about that box, wherever it is, if rows are what was found."""
    best, chance = np.argsort(-family.scores(clean).max(axis=1))[:10], family.scores(clean).max(axis=1)
    moved = [np.abs(family.boxes(noisy) - box).max(axis=1).min() for box in family.boxes(clean)[best]]
    assert np.median(moved) < 2 * MOST_MOVED * WIDTH
    assert abs(chance[best].mean() - np.sort(family.scores(noisy).max(axis=1))[::-1][:10].mean()) < 0.1


@pytest.mark.parametrize("made", BY_NAME, indirect=True)
def test_all_the_way(made: tuple[Case, Path], scenes: Dataset) -> None:
    case, path = made
    found = inspect(path)
    assert found["family"] == case.family
    assert found["int8"]["macs_percent"] > 60
    data = scenes if case.classes else replace(scenes, ground_truth=None, classes=None)
    detector = load(path)
    family = detector.family
    assert evaluate(detector, data, val_limit=IMAGES).images == IMAGES
    feeds = family.feeds(family.preprocess(read_image(scenes.validation[0]))[0])
    assert set(feeds) == {family.input_name, *case.inputs}
    clean = detector.open().run(feeds)
    for target in ("ort", "openvino"):
        result = quantize(detector, data, recipe=PLAIN, target=target, calib=4, val_limit=IMAGES, force=True)
        assert set(json.loads(result.beside["decode.json"])["given"]) == set(case.inputs)
        noisy = load_target(target).open(result.artefact).run(feeds)
        assert set(noisy) == set(clean)
        (compare_found if family.ranked else compare_cells)(family, clean, noisy)


@pytest.mark.parametrize("made", ["picodet-decoded"], indirect=True)
def test_what_is_made_takes_the_other_inputs_where_it_can(made: tuple[Case, Path]) -> None:
    """The file for onnxruntime has its input yet, and heeds it; OpenCV's graph has the image alone."""
    detector = load(made[1])
    tensor, _ = detector.family.preprocess(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    feeds = detector.family.feeds(tensor)
    exported = export(detector, "ort")
    model = onnx.load_from_string(exported.artefact.files["model.onnx"])
    assert [value.name for value in model.graph.input] == ["image", "scale_factor"]
    runner = load_target("ort").open(exported.artefact)
    once, twice = (runner.run({**feeds, "scale_factor": np.full((1, 2), one, np.float32)}) for one in (1, 2))
    np.testing.assert_allclose(once["boxes"], 2 * twice["boxes"], rtol=1e-5)
    alone = load_target("opencv")
    frozen = detector.graph_for(alone)
    assert [value.name for value in frozen.graph.inputs] == ["image"]
    assert "takes the image alone" in " ".join(said_of_ends(detector, alone))
    assert not said_of_ends(detector, load_target("ort"))
    np.testing.assert_allclose(OrtRunner(frozen).run({"image": tensor})["boxes"], once["boxes"], atol=1e-2)
