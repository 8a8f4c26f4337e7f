"""Whole detectors in integers, from the image to detections, beside loops and beside float."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plain_head as plain
import pytest
from given_codes import quantised

from detquant.data import iter_images, open_dataset
from detquant.errors import ModelError, OptionError, UnsupportedOperator
from detquant.families.yolov8 import YOLOv8
from detquant.graph import prepare
from detquant.integer.detector import IntegerDetector
from detquant.integer.head import HeadOptions
from detquant.integer.model import IntegerModel
from detquant.numerics import dequantize
from detquant.pipeline.detector import load
from detquant.targets import load_target

CAPABILITY = replace(load_target("openvino").capability, integer_only=True, float_results=False)
HEIGHT, WIDTH, BINS, CLASSES, STRIDES = 64, 96, 8, 3, (8, 16, 32)
SIZES = [(HEIGHT // stride, WIDTH // stride) for stride in STRIDES]
CELLS = sum(rows * columns for rows, columns in SIZES)


def head_rows(middle, classes_by):
    """The nodes of a small net with YOLOv8's head, and its weights."""
    rng = np.random.default_rng(5)

    def draw(*shape):
        return (rng.standard_normal(shape) * 3 / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    weights = {"w8": draw(8, 3, 8, 8), "w16": draw(8, 8, 2, 2), "w32": draw(8, 8, 2, 2), "flat": np.array([1, 0, -1])}
    rows, before = [], "x"
    for stride, step in zip(STRIDES, (8, 2, 2), strict=True):
        weights |= {f"h{stride}_w": draw(8, 8, 1, 1)}
        weights |= {f"d{stride}_w": draw(4 * BINS, 8, 1, 1), f"s{stride}_w": draw(CLASSES, 8, 1, 1)}
        rows += [
            ("Conv", [before, f"w{stride}"], [f"c{stride}"], {"name": f"c{stride}", "strides": [step, step]}),
            ("Relu", [f"c{stride}"], [f"r{stride}"], {}),
            ("Conv", [f"r{stride}", f"h{stride}_w"], [f"h{stride}"], {"name": f"h{stride}"}),
            ("Conv", [f"h{stride}", f"d{stride}_w"], [f"d{stride}"], {"name": f"d{stride}"}),
            ("Conv", [f"h{stride}", f"s{stride}_w"], [f"s{stride}"], {"name": f"s{stride}"}),
            ("Reshape", [f"d{stride}", "flat"], [f"d{stride}_flat"], {}),
            ("Reshape", [f"s{stride}", "flat"], [f"s{stride}_flat"], {}),
        ]
        before = f"r{stride}"
    places = [np.indices(size)[::-1].reshape(2, -1) + middle for size in SIZES]
    steps = [np.full(rows * columns, stride) for (rows, columns), stride in zip(SIZES, STRIDES, strict=True)]
    weights |= {
        "places": np.concatenate(places, axis=1)[None].astype(np.float32),
        "steps": np.concatenate(steps)[None, None].astype(np.float32),
        "sides": np.array([1, 4, BINS, CELLS]),
        "bins": np.arange(BINS, dtype=np.float32).reshape(1, 1, -1, 1),
        "two": np.array(2, np.float32),
        "axis": np.array([2]),
        "pair": np.array([2, 2]),
    }
    rows += [
        ("Concat", [f"d{stride}_flat" for stride in STRIDES], ["d"], {"axis": 2}),
        ("Concat", [f"s{stride}_flat" for stride in STRIDES], ["s"], {"axis": 2}),
        ("Reshape", ["d", "sides"], ["by_side"], {}),
        ("Softmax", ["by_side"], ["chances"], {"axis": 2}),
        ("Mul", ["chances", "bins"], ["moments"], {}),
        ("ReduceSum", ["moments", "axis"], ["distances"], {"keepdims": 0}),
        ("Split", ["distances", "pair"], ["before", "behind"], {"axis": 1}),
        ("Sub", ["places", "before"], ["start"], {}),
        ("Add", ["places", "behind"], ["end"], {}),
        ("Add", ["start", "end"], ["both"], {}),
        ("Div", ["both", "two"], ["centre"], {}),
        ("Sub", ["end", "start"], ["size"], {}),
        ("Concat", ["centre", "size"], ["cells"], {"axis": 1}),
        ("Mul", ["cells", "steps"], ["boxes"], {}),
        (classes_by, ["s"], ["scores"], {}),
        ("Concat", ["boxes", "scores"], ["y"], {"axis": 1}),
    ]
    return rows, weights


@pytest.fixture
def small(build, images):
    """small(...): a QDQ graph of the small net, its family, and an image that it was not calibrated with."""

    def make(middle=0.5, classes_by="Sigmoid", capability=CAPABILITY):
        rows, weights = head_rows(middle, classes_by)
        model = prepare(build(rows, {"x": [1, 3, HEIGHT, WIDTH]}, {"y": None}, weights))
        family = YOLOv8(input_name="x", height=HEIGHT, width=WIDTH, classes=("a", "b", "c"))
        family.rows = CELLS
        *seen, unseen = images(4, (1, 3, HEIGHT, WIDTH))
        return quantised(model, seen, capability).qdq(), family, unseen

    return make


@pytest.mark.parametrize("bits", [8, 16])
def test_a_whole_head_finds_what_loops_find(small, bits):
    qdq, family, feed = small()
    detector = IntegerDetector(qdq, family, HeadOptions(bits=bits))
    head, grids, codes = detector.head, detector.network.grids, detector.codes(feed)
    levels = head.layout.levels
    assert {grids[one.scores].qtype.bits for one in levels} == {bits}
    assert {grids[one.distances].qtype.bits for one in levels} == {8}
    assert len({(float(grids[one.scores].scale), int(grids[one.scores].zero_point)) for one in levels}) == 1
    for capacity, limit in ((1024, 300), (100, 300), (100, 5)):
        smaller = replace(head, capacity=capacity, limit=limit)
        found, (rows, left_out) = smaller.run(codes), plain.run(smaller, codes, grids)
        told = zip(found.cells, found.classes, found.codes, found.scores, found.boxes.tolist(), strict=True)
        assert [tuple(one) for one in told] == rows and found.left_out == left_out
        assert rows and len(rows) <= limit and (left_out > 0) == (capacity == 100)


def test_boxes_and_scores_are_those_of_the_graphs_own_decoding(small):
    """Of the same codes: nothing but the roundings of the head is between the two."""
    qdq, family, feed = small()
    whole, last_in_float = (
        IntegerDetector(qdq, family, HeadOptions(last_layers=one, bits=16)) for one in ("int", "float")
    )
    codes = whole.codes(feed)
    assert all((codes[name] == array).all() for name, array in last_in_float.codes(feed).items())
    outputs = IntegerDetector(qdq, family, HeadOptions(nms="float", bits=16)).run(feed)
    real = {name: dequantize(array, whole.network.grids[name]) for name, array in codes.items()}
    decoded = whole._decoding.runner.run(real)
    strides = np.concatenate([np.full(rows * columns, s) for (rows, columns), s in zip(SIZES, STRIDES, strict=True)])
    assert (np.abs(outputs["boxes"] - family.boxes(decoded)) <= strides[:, None] * 0.0023 + 1 / 32 + 1e-4).all()
    assert np.abs(outputs["scores"] - family.scores(decoded)).max() < 1e-3
    both = whole.found(codes), last_in_float.found(codes)
    pairs = [set(zip(one.cells.tolist(), one.classes.tolist(), strict=True)) for one in both]
    assert len(pairs[0] & pairs[1]) > 0.9 * len(pairs[0])


def test_whole_numbers_are_told_where_they_are_computed(small):
    qdq, family, feed = small()
    detector = IntegerDetector(qdq, family, HeadOptions(candidates=100, limit=5))
    outputs, found = detector.run(feed), detector.found(detector.codes(feed))
    assert (outputs["boxes"] * 16 == found.boxes).all() and (outputs["scores"] * 65536 == found.scores).all()
    assert outputs["left_out"] == found.left_out > 0 and len(found.scores) == 5
    _, geometry = family.preprocess(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    first, least = detector.family.decode(outputs, geometry), float(outputs["scores"][2])
    assert len(detector.family.decode(outputs, geometry, confidence=least)) <= 2
    two = detector.family.decode(outputs, geometry, max_detections=2)
    assert len(first) > 0 and np.array_equal(two.xyxy, first.xyxy[: len(two)])
    with pytest.raises(ModelError, match=r"IoU of 0\.5 is asked for, and boxes were suppressed by 0\.7"):
        detector.family.decode(outputs, geometry, iou=0.5)
    detector.head = replace(detector.head, threshold=1 << 8)
    assert len(detector.detect(feed, geometry)) == 0


def test_narrow_maps_of_a_head_become_as_wide_as_the_head_needs(small):
    qdq, family, feed = small()
    for node in qdq.graph:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.inputs[0].name[0] in "ds":
            node.metadata_props["detquant.qtype"] = "uint4"
    detector = IntegerDetector(qdq, family, HeadOptions(bits=16))
    level = detector.head.layout.levels[0]
    widths = [detector.network.grids[name].qtype.bits for name in (level.distances, level.scores)]
    assert widths == [8, 16] and detector.codes(feed)[level.scores].max() > 255


def test_a_head_that_stays_in_float_is_refused_and_runs_with_float_decoding(small):
    qdq, family, feed = small(capability=load_target("openvino").capability)
    with pytest.raises(UnsupportedOperator, match=r"head of YOLOv8's kind .* found .* recipe with head = \"int\""):
        IntegerDetector(qdq, family)
    detector = IntegerDetector(qdq, family, HeadOptions(last_layers="float", nms="float", limit=3, iou=0.5))
    _, geometry = family.preprocess(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert len(detector.detect(feed, geometry)) == 3 and detector.head is None
    assert (detector.family.nms_iou, family.nms_iou) == (0.5, 0.7)
    with pytest.raises(OptionError, match="nothing in whole numbers"):
        detector.found({})


@pytest.mark.parametrize("change", [{"middle": 0.0}, {"classes_by": "HardSigmoid"}])
def test_a_head_that_only_looks_like_it_is_refused(small, change):
    qdq, family, _ = small(**change)
    with pytest.raises(UnsupportedOperator, match="its decoding computes something else of them"):
        IntegerDetector(qdq, family)


def test_an_input_that_corners_cannot_tell_is_refused(small):
    qdq, family, _ = small()
    family.width = 2048
    with pytest.raises(UnsupportedOperator, match="64x2048, and boxes in whole numbers reach to 2047 pixels"):
        IntegerDetector(qdq, family)


@pytest.mark.slow
def test_the_embedded_detector_sees_what_float_sees():
    detector = load("yolov8-pico")
    family = detector.family
    images = [image for _, image in iter_images(open_dataset("scenes", 0).validation[:3], [])]
    *feeds, (tensor, geometry) = [family.preprocess(image) for image in images]
    qm = quantised(detector.model, [{family.input_name: one} for one, _ in feeds], CAPABILITY)
    whole, feed = IntegerDetector(qm.qdq(), family), {family.input_name: tensor}
    expected = family.decode(IntegerModel(qm.qdq()).run(feed), geometry).above(0.4)
    found = whole.detect(feed, geometry)
    assert len(expected) > 1 and (np.diff(found.confidence) <= 0).all()
    for box, score, label in zip(expected.xyxy, expected.confidence, expected.class_id, strict=True):
        same = (found.class_id == label) & (np.abs(found.xyxy - box).max(axis=1) < 2.0)
        assert same.any() and np.abs(found.confidence[same] - score).min() < 0.03
