"""SSDs frozen by the Object Detection API, loops and all, against TensorFlow's own execution of the graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from detection_api import Graph, frozen_ssd, heads, run_graph

from detquant.data.scenes import scene
from detquant.errors import ModelError
from detquant.families import Geometry
from detquant.families.coco_ids import COCO_IDS
from detquant.families.ssd_anchors import grid_anchors
from detquant.graph import OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.importers import load_model
from detquant.importers.tensorflow.graph_def import GraphNodes, Node, read_graph
from detquant.importers.tensorflow.object_detection import find_cut
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.quantize import quantize

SMALL = {"width": 0.25, "classes": 5}
HEADS = ("Squeeze", "concat_1")
LOOPS = {"v1": {"Enter", "Exit", "Switch", "Merge"}, "v2": {"StatelessWhile"}, "none": {"NonMaxSuppressionV3"}}
FOUND = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


def picture(height: int = 240, width: int = 320) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, height, width, 3)).astype(np.uint8)


def heads_of(detector: Detector, resized: np.ndarray) -> dict[str, np.ndarray]:
    return detector.open().run({detector.family.input_name: np.ascontiguousarray(resized.transpose(0, 3, 1, 2))})


def check_heads(tensorflow: Any, path: Path, resized: str = "Preprocessor/sub", tolerance: float = 1e-4) -> Detector:
    """What the file gives for an image as the graph itself has resized it."""
    detector = load(path)
    given, *expected = run_graph(tensorflow, path, picture(), resized, *HEADS)
    found = heads_of(detector, given)
    assert list(found) == ["box_codes", "class_scores"]
    for one, other in zip(found.values(), expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())
    return detector


def check_detections(tensorflow: Any, path: Path, detector: Detector) -> None:
    """The family's boxes against those that the graph's own loops found."""
    given, boxes, scores, labels, count = run_graph(tensorflow, path, picture(), "Preprocessor/sub", *FOUND)
    size, kept = detector.family.height, int(count[0])
    geometry = Geometry(height=size, width=size, scale_x=1, scale_y=1)
    found = detector.family.decode(heads_of(detector, given), geometry, confidence=1e-8)
    assert kept == len(found) == 100
    # with weights by chance the holes among COCO's ids are found too, which the family leaves out
    ids = COCO_IDS if detector.family.num_classes == len(COCO_IDS) else tuple(range(1, detector.family.num_classes + 1))
    rows = np.flatnonzero(np.isin(labels[0], ids))
    found = found.select(np.arange(len(rows)))
    assert len(rows) > 50
    np.testing.assert_allclose(found.confidence, scores[0][rows], rtol=1e-3)
    # scores that all but equal change places
    assert np.mean(found.class_id == [ids.index(label) for label in labels[0][rows]]) > 0.9
    corners = np.clip(boxes[0][rows][:, [1, 0, 3, 2]] * size, 0, size)
    assert max(np.abs(corners - box).max(axis=1).min() for box in found.xyxy) < 0.05


@pytest.mark.parametrize("loops", ["v1", "v2", "none"])
def test_the_network_between_the_loops(loops: str, tensorflow: Any, tmp_path: Path) -> None:
    path = frozen_ssd(tensorflow, tmp_path / "frozen_inference_graph.pb", loops=loops, **SMALL)
    kinds = {node.op for node in read_graph(path.read_bytes()).nodes.values()}
    assert LOOPS[loops] <= kinds
    detector = check_heads(tensorflow, path)
    family = detector.family
    assert (family.name, family.num_classes, family.height, family.width) == ("ssd-raw", 5, 300, 300)
    assert (family.form.mean, family.form.std, family.form.rgb) == ((127.5,) * 3, (127.5,) * 3, True)
    feed, _ = family.preprocess(np.ascontiguousarray(picture()[0, ..., ::-1]))
    [given] = run_graph(tensorflow, path, picture(), "Preprocessor/sub")
    np.testing.assert_allclose(feed[0].transpose(1, 2, 0), given[0], atol=0.51 / 127.5)  # bytes are whole
    layout = family.layout
    assert (layout.order, layout.scores, layout.background, layout.nms_iou) == ("yxhw", "sigmoid", 0, 0.6)
    np.testing.assert_allclose(layout.variances, [0.1, 0.1, 0.2, 0.2], rtol=1e-3)
    np.testing.assert_allclose(layout.anchors * 300, grid_anchors(300, 300), atol=1e-3)
    [corners] = run_graph(tensorflow, path, picture(), "MultipleGridAnchorGenerator/Concatenate/concat")
    half = layout.anchors[:, 2:] / 2
    made = np.concatenate([layout.anchors[:, :2] - half, layout.anchors[:, :2] + half], axis=1)
    np.testing.assert_allclose(made[:, [1, 0, 3, 2]], corners, atol=1e-5)
    assert {node.op_type for node in detector.model.graph} <= {"Conv", "Clip", "Transpose", "Reshape", "Concat"}
    assert "its preprocessing and suppression cut off" in detector.imported.reason
    check_detections(tensorflow, path, detector)


@pytest.mark.slow
def test_ssd_mobilenet_v1_at_its_full_size(tensorflow: Any, tmp_path: Path) -> None:
    """Heads, detections, every layer in between; and the way to an INT8 file that still says how it is decoded."""
    path = frozen_ssd(tensorflow, tmp_path / "frozen_inference_graph.pb")
    detector = check_heads(tensorflow, path)
    assert detector.family.num_classes == 80
    check_detections(tensorflow, path, detector)
    # Tensors that OpenVINO has turned have lost their names; of these there is one chain, in order.
    layers = [node.outputs[0].name for node in detector.imported.model.graph if node.op_type == "Clip"]
    theirs = [node.name for node in read_graph(path.read_bytes()).nodes.values() if node.op == "Relu6"]
    assert len(layers) == len(theirs) == 35
    given, *expected = run_graph(tensorflow, path, picture(), "Preprocessor/sub", *theirs)
    tapped = OrtRunner(with_taps_only(detector.imported.model, layers), optimisation="none")
    found = tapped.run({"image": np.ascontiguousarray(given.transpose(0, 3, 1, 2))})
    for mine, name, other in zip(layers, theirs, expected, strict=True):
        one = found[mine].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max(), err_msg=name)
    (tmp_path / "pictures").mkdir()
    for index in range(4):
        cv2.imwrite(str(tmp_path / f"pictures/{index}.png"), scene("train", index).image)
    quantize(detector, tmp_path / "pictures", calib=4).save(tmp_path / "out")
    again = load(tmp_path / "out/model.onnx")
    assert again.family.name == "ssd-raw" and again.is_quantized
    np.testing.assert_array_equal(again.family.layout.anchors, detector.family.layout.anchors)


def test_a_saved_model_without_variables_is_the_frozen_graph(tensorflow: Any, tmp_path: Path) -> None:
    path = frozen_ssd(tensorflow, tmp_path / "net.pb", **SMALL)
    tf, folder = tensorflow.compat.v1, tmp_path / "saved_model"
    definition = tf.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.import_graph_def(definition, name="")
        named = {name: graph.get_tensor_by_name(f"{name}:0") for name in ("image_tensor", "detection_boxes")}
        tf.saved_model.simple_save(session, str(folder), {"inputs": named["image_tensor"]}, named)
    frozen, saved = load(path), load(folder)
    assert saved.family.name == "ssd-raw" and "a SavedModel that became" in saved.imported.reason
    feed, _ = frozen.family.preprocess(picture()[0])
    for name, expected in frozen.open().run({"image": feed}).items():
        np.testing.assert_array_equal(saved.open().run({"image": feed})[name], expected)


def test_a_mean_of_each_channel_goes_to_the_form(tensorflow: Any, tmp_path: Path) -> None:
    means = np.array([123.68, 116.779, 103.939], np.float32)

    def change(what: str, value: Any) -> Any:
        return (value + 1.0) * 127.5 - [[means.tolist()]] if what == "network" else value

    path = frozen_ssd(tensorflow, tmp_path / "net.pb", change=change, **SMALL)
    detector = check_heads(tensorflow, path, find_cut(read_graph(path.read_bytes())).image.removesuffix(":0"))
    np.testing.assert_allclose(detector.family.form.mean, means, rtol=1e-4)
    np.testing.assert_allclose(detector.family.form.std, 1, rtol=1e-4)


@pytest.mark.parametrize("factor", [0.5, pytest.param(1.0, marks=pytest.mark.slow), None])
def test_logits_that_are_scaled_stay_so(factor: float | None, tensorflow: Any, tmp_path: Path) -> None:
    """And others may read them too."""

    def change(what: str, value: Any) -> Any:
        if what != "logits":
            return value
        tensorflow.identity(value, "raw_logits")
        return value if factor is None else value * factor

    path = frozen_ssd(tensorflow, tmp_path / "net.pb", change=change, **SMALL)
    detector = load(path)
    given, logits = run_graph(tensorflow, path, picture(), "Preprocessor/sub", "concat_1")
    found = heads_of(detector, given)["class_scores"]
    np.testing.assert_allclose(found, logits * (factor or 1), rtol=1e-4, atol=1e-4)
    assert (detector.family.layout.scores, detector.family.layout.background) == ("sigmoid", 0)
    assert [node.op_type for node in detector.model.graph].count("Mul") == (factor == 0.5)


def test_trained_with_quantisation_in_mind(tensorflow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FakeQuant behind the heads, as `graph_rewriter` leaves it: its grids stay in the graph."""
    predict = Graph.predict

    def rounded(self: Graph, *given: Any) -> Any:
        return tensorflow.quantization.fake_quant_with_min_max_vars(predict(self, *given), -6.0, 6.0)

    monkeypatch.setattr(Graph, "predict", rounded)
    detector = load(frozen_ssd(tensorflow, tmp_path / "net.pb", **SMALL))
    given, *expected = run_graph(tensorflow, tmp_path / "net.pb", picture(), "Preprocessor/sub", *HEADS)
    assert detector.is_quantized
    step = 12 / 255
    for one, other in zip(heads_of(detector, given).values(), expected, strict=True):
        assert np.abs(one - other).max() <= step * 1.01
        assert np.mean(np.abs(one - other) < 1e-3) > 0.99


def test_another_size(tensorflow: Any, tmp_path: Path) -> None:
    path = frozen_ssd(tensorflow, tmp_path / "net.pb", side=160, **SMALL)
    family = check_heads(tensorflow, path).family
    assert (family.height, family.width) == (160, 160)
    np.testing.assert_allclose(family.layout.anchors * 160, grid_anchors(160, 160), atol=1e-3)
    with pytest.raises(ModelError, match=r"fixed to 160x160 .* 300x300 was asked for"):
        load_model(path, 300)


def test_images_are_resized_by_the_middles_of_pixels_where_the_graph_does(tensorflow: Any, tmp_path: Path) -> None:
    path = frozen_ssd(tensorflow, tmp_path / "net.pb", **SMALL)
    definition = tensorflow.compat.v1.GraphDef.FromString(path.read_bytes())
    [resize] = [node for node in definition.node if node.op == "ResizeBilinear"]
    assert load(path).family.form.resize == "stretch-from-corner"
    resize.attr["half_pixel_centers"].b = True
    path.write_bytes(definition.SerializeToString())
    family = load(path).family
    assert family.form.resize == "stretch"
    feed, _ = family.preprocess(np.ascontiguousarray(picture()[0, ..., ::-1]))
    [given] = run_graph(tensorflow, path, picture(), "Preprocessor/sub")
    np.testing.assert_allclose(feed[0].transpose(1, 2, 0), given[0], atol=2 / 127.5)  # OpenCV's fixed point


def test_padding_belongs_to_the_network(tensorflow: Any, tmp_path: Path) -> None:
    def change(what: str, value: Any) -> Any:
        return tensorflow.pad(value, [[0, 0], [3, 3], [3, 3], [0, 0]]) if what == "network" else value

    family = check_heads(tensorflow, frozen_ssd(tensorflow, tmp_path / "net.pb", change=change, **SMALL)).family
    assert (family.height, family.width) == (300, 300)


def test_a_graph_that_keeps_the_aspect_wants_a_size(tensorflow: Any, tmp_path: Path) -> None:
    def change(what: str, value: Any) -> Any:
        computed = tensorflow.random.uniform([], 0, 1, tensorflow.int32)
        return value + computed if what == "size" else value

    path = frozen_ssd(tensorflow, tmp_path / "net.pb", change=change, **SMALL)
    with pytest.raises(ModelError, match="pass --imgsz"):
        load_model(path)
    family = load(path, imgsz=160).family
    assert (family.height, family.width, len(family.layout.anchors)) == (160, 160, len(grid_anchors(160, 160)))


def test_boxes_that_are_coded_in_another_way(tensorflow: Any, tmp_path: Path) -> None:
    tanh = tensorflow.tanh
    path = frozen_ssd(
        tensorflow, tmp_path / "net.pb", change=lambda what, x: tanh(x) if what == "codes" else x, **SMALL
    )
    with pytest.raises(
        ModelError, match=r"decodes the boxes of 'concat:0' in another way than by anchors and variances"
    ):
        load_model(path)


def test_a_network_that_does_not_begin_with_a_resized_image(tensorflow: Any, tmp_path: Path) -> None:
    """Nothing is cut, so the loops are there to be refused."""

    def change(what: str, value: Any) -> Any:
        return tensorflow.reverse(value, [3]) if what == "network" else value

    path = frozen_ssd(tensorflow, tmp_path / "net.pb", change=change, **SMALL)
    assert find_cut(read_graph(path.read_bytes())) is None
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def tflite_graph(tensorflow: Any, path: Path, anchors: str = "anchors", **changes: Any) -> Path:
    """A frozen graph that ends in TFLite's operation, which TensorFlow cannot make."""
    tf = tensorflow.compat.v1
    with tf.Graph().as_default() as made:
        graph = Graph(tensorflow, 0, 0.25)
        image = tf.placeholder(tf.float32, [1, 300, 300, 3], name="normalized_input_image_tensor")
        codes, logits = heads(graph, graph.features(image), 5)
        tf.squeeze(codes, 2, name="raw_outputs/box_encodings")
        tf.sigmoid(logits, "raw_outputs/class_predictions")
        y, x, height, width = np.moveaxis(grid_anchors(300, 300)[:, [1, 0, 3, 2]] / 300, 1, 0)
        tf.constant(np.stack([y, x, height, width], axis=1), tf.float32, name="anchors")
    definition = made.as_graph_def()
    node = definition.node.add(name="TFLite_Detection_PostProcess", op="TFLite_Detection_PostProcess")
    node.input.extend(["raw_outputs/box_encodings", "raw_outputs/class_predictions:0", anchors])
    floats = {"x_scale": 10, "y_scale": 10, "w_scale": 5, "h_scale": 5, "nms_iou_threshold": 0.6}
    for name, value in (floats | changes).items():
        node.attr[name].f = value
    node.attr["num_classes"].i, node.attr["max_detections"].i = 5, 20
    path.write_bytes(definition.SerializeToString())
    return path


def test_a_graph_on_its_way_to_tflite(tensorflow: Any, tmp_path: Path) -> None:
    path = tflite_graph(tensorflow, tmp_path / "tflite_graph.pb")
    detector = load(path)
    family, layout = detector.family, detector.family.layout
    assert (family.name, family.num_classes, family.nms_iou, family.max_detections) == ("ssd-raw", 5, 0.6, 20)
    assert (family.form.mean, family.form.std, layout.background, layout.order) == (
        (127.5,) * 3,
        (127.5,) * 3,
        0,
        "yxhw",
    )
    np.testing.assert_allclose(layout.anchors * 300, grid_anchors(300, 300), atol=1e-3)
    np.testing.assert_allclose(layout.variances, [0.1, 0.1, 0.2, 0.2])
    assert "TFLite_Detection_PostProcess cut off" in detector.imported.reason
    tf = tensorflow.compat.v1
    definition = tf.GraphDef.FromString(path.read_bytes())
    del definition.node[-1]
    image = np.random.default_rng(0).uniform(-1, 1, (1, 300, 300, 3)).astype(np.float32)
    names = [f"raw_outputs/{name}:0" for name in ("box_encodings", "class_predictions")]
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        tf.import_graph_def(definition, name="")
        expected = session.run(names, {"normalized_input_image_tensor:0": image})
    for one, other in zip(heads_of(detector, image).values(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "what"),
    [({"w_scale": 0.0}, "scales 10.0, 10.0, 0.0, 5.0"), ({"anchors": "raw_outputs/box_encodings"}, "no constant")],
)
def test_a_graph_on_its_way_that_makes_no_sense(options: Any, what: str, tensorflow: Any, tmp_path: Path) -> None:
    path = tflite_graph(tensorflow, tmp_path / "tflite_graph.pb", **options)
    with pytest.raises(ModelError, match=rf"has TFLite_Detection_PostProcess with options or anchors .*{what}"):
        load_model(path)


def test_bytes_turned_over(tensorflow: Any, tmp_path: Path) -> None:
    """Names that lead nowhere, circles, constants of another shape: found or not, but never an error of ours."""
    path = frozen_ssd(tensorflow, tmp_path / "net.pb", **SMALL)
    content, rng, cuts = path.read_bytes(), np.random.default_rng(0), 0
    text = np.flatnonzero(np.frombuffer(content, np.uint8) < 128)
    for turn in range(60):
        damaged = np.frombuffer(content, np.uint8).copy()
        places = rng.choice(text, 40 + 20 * turn)
        damaged[places] = damaged[rng.choice(text, len(places))]
        graph = read_graph(damaged.tobytes())
        cuts += graph is not None and find_cut(graph) is not None
    assert cuts < 60
    nodes = read_graph(content).nodes
    names = list(nodes)
    for _ in range(60):  # nodes that read others than they did
        turned = {**nodes}
        for name in rng.choice(names, 30):
            node = nodes[name]
            turned[name] = replace(node, inputs=tuple(rng.choice(names, len(node.inputs)).tolist()))
        find_cut(GraphNodes(turned.values()))


def test_circles() -> None:
    def node(name: str, op: str, *inputs: str) -> Node:
        return Node(name, op, inputs, (0,) * len(inputs), {})

    nodes = [
        *(node("loop", "Enter"), node("a", "Identity", "b"), node("b", "Identity", "a"), node("p", "Pad", "p")),
        *(node("c", "Conv2D", "a"), node("d", "Conv2D", "p"), node("r", "Reshape", "r"), node("e", "Exp", "j")),
        *(
            node("j", "ConcatV2", "r", "e"),
            node("k", "ConcatV2", "r"),
            node("s", "Enter", "s"),
            node("t", "Mul", "s", "s"),
        ),
        node("u", "Conv2D", "t"),
    ]
    assert find_cut(GraphNodes(nodes)) is None


def test_constants_and_what_is_damaged() -> None:
    class Attribute:
        def __init__(self, **fields: Any) -> None:
            self.__dict__ |= {"content": b"", "float_val": [], "int_val": [], "int64_val": []} | fields

    class Value:
        def __init__(self, *sizes: int, **fields: Any) -> None:
            dims = [type("Dim", (), {"size": size}) for size in sizes]
            self.tensor = Attribute(shape=type("Shape", (), {"dim": dims}), **fields)

    def array(*sizes: int, **fields: Any) -> Any:
        return Node("a", "Const", (), (), {"value": Value(*sizes, **fields)}).array

    np.testing.assert_array_equal(array(2, 2, dtype=1, float_val=[1.5]), [[1.5, 1.5], [1.5, 1.5]])
    np.testing.assert_array_equal(array(2, dtype=3, content=np.int32([7, 8]).tobytes()), [7, 8])
    assert array(1 << 40, dtype=1, float_val=[1.0]) is None
    assert array(-1, dtype=1, float_val=[1.0]) is None
    assert array(1, dtype=7, float_val=[1.0]) is None
    assert array(1, dtype=1, float_val=[1.0, 2.0]) is None
    assert read_graph(b"\x0a\xff\xff\xff") is None
