"""SSD-MobileNet-v1 as TensorFlow's Object Detection API freezes it: loops before and behind the network.

Names, order and operations are those of `exporter.py` and `ssd_meta_arch.py` of its first releases: bytes of any size
are mapped one by one to 300x300, anchors are computed from the shapes of the feature maps, and suppression runs class
by class inside a loop over the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from keras_nets import _EXTRA, _MOBILENET

RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
LOWEST = ((0.1, 1.0), (0.2, 2.0), (0.2, 0.5))


class Graph:
    """Layers of one graph, with seeded weights written as constants."""

    def __init__(self, tensorflow: Any, seed: int, width: float) -> None:
        self.tf, self.width, self.rng = tensorflow.compat.v1, width, np.random.default_rng(seed)

    def constant(self, shape: tuple[int, ...], scale: float, name: str) -> Any:
        made = self.tf.constant(self.rng.normal(0, scale, shape).astype(np.float32), name=name)
        return self.tf.identity(made, name=f"{name}/read")  # as freezing leaves a variable

    def normalise(self, x: Any) -> Any:
        channels = x.shape[-1]
        gamma, variance = (self.rng.uniform(0.7, 1.3, channels).astype(np.float32) for _ in range(2))
        beta, mean = (self.rng.normal(0, 0.1, channels).astype(np.float32) for _ in range(2))
        x, *_ = self.tf.nn.fused_batch_norm(x, gamma, beta, mean, variance, 1e-3, is_training=False)
        return self.tf.nn.relu6(x)

    def conv(self, x: Any, filters: int, size: int, stride: int, name: str) -> Any:
        with self.tf.name_scope(name):
            ins = int(x.shape[-1])
            weight = self.constant((size, size, ins, filters), np.sqrt(2 / (size * size * ins)), "weights")
            return self.normalise(self.tf.nn.conv2d(x, weight, [1, stride, stride, 1], "SAME", name="Conv2D"))

    def depthwise(self, x: Any, stride: int, name: str) -> Any:
        with self.tf.name_scope(name):
            weight = self.constant((3, 3, int(x.shape[-1]), 1), np.sqrt(2 / 9), "depthwise_weights")
            return self.normalise(self.tf.nn.depthwise_conv2d_native(x, weight, [1, stride, stride, 1], "SAME"))

    def predict(self, x: Any, filters: int, name: str) -> Any:
        with self.tf.name_scope(name):
            weight = self.constant((1, 1, int(x.shape[-1]), filters), np.sqrt(1 / int(x.shape[-1])), "weights")
            x = self.tf.nn.conv2d(x, weight, [1, 1, 1, 1], "SAME", name="Conv2D")
            return self.tf.nn.bias_add(x, self.constant((filters,), 0.5, "biases"))

    def channels(self, count: int) -> int:
        return max(4, int(count * self.width))

    def features(self, x: Any) -> list[Any]:
        features = []
        with self.tf.name_scope("FeatureExtractor/MobilenetV1/"):
            x = self.conv(x, self.channels(32), 3, 2, "MobilenetV1/Conv2d_0")
            for number, (filters, stride) in enumerate(_MOBILENET, 1):
                x = self.depthwise(x, stride, f"MobilenetV1/Conv2d_{number}_depthwise")
                x = self.conv(x, self.channels(filters), 1, 1, f"MobilenetV1/Conv2d_{number}_pointwise")
                if number in (11, 13):
                    features.append(x)
            for number, (narrow, wide) in enumerate(_EXTRA, 2):
                x = self.conv(x, self.channels(narrow), 1, 1, f"Conv2d_13_pointwise_1_Conv2d_{number}_1x1")
                x = self.conv(x, self.channels(wide), 3, 2, f"Conv2d_13_pointwise_2_Conv2d_{number}_3x3_s2")
                features.append(x)
        return features


def each(tf: Any, function: Callable[[Any], Any], given: Any, dtype: list[Any]) -> list[Any]:
    """The API's `static_or_dynamic_map_fn`: a loop over the batch, or without one where its size is known."""
    first = given[0] if isinstance(given, list) else given
    if first.shape[0] is None:
        return tf.map_fn(function, given, dtype=dtype)
    parts = [tf.unstack(one) for one in (given if isinstance(given, list) else [given])]
    made = [function(list(one) if isinstance(given, list) else one[0]) for one in zip(*parts, strict=True)]
    return [tf.stack(column) for column in zip(*made, strict=True)]


def preprocess(tf: Any, image: Any, side: int, change: Callable[[str, Any], Any]) -> Any:
    """A loop over the batch, each image to one size; then -1 to 1."""

    def resize(one: Any) -> list[Any]:
        with tf.name_scope("ResizeImage"):
            small = tf.image.resize_images(one, change("size", tf.stack([side, side])), align_corners=False)
            return [small, tf.stack([side, side, 3])]

    with tf.name_scope("Preprocessor"):
        resized, _ = each(tf, resize, image, [tf.float32, tf.int32])
        return (2.0 / 255.0) * resized - 1.0


def heads(graph: Graph, features: list[Any], classes: int) -> tuple[Any, Any]:
    """Codes [n, anchors, 1, 4] and logits [n, anchors, 1 + classes], reshaped by shapes that are computed."""
    tf, boxes, scores = graph.tf, [], []
    for number, feature in enumerate(features):
        with tf.name_scope(f"BoxPredictor_{number}"):
            count = 6 if number else 3
            codes = graph.predict(feature, 4 * count, "BoxEncodingPredictor")
            logits = graph.predict(feature, (classes + 1) * count, "ClassPredictor")
            shape = tf.shape(feature)
            cells = shape[1] * shape[2] * count
            boxes.append(tf.reshape(codes, tf.stack([shape[0], cells, 1, 4])))
            scores.append(tf.reshape(logits, tf.stack([shape[0], cells, classes + 1])))
    return tf.concat(boxes, 1, name="concat"), tf.concat(scores, 1, name="concat_1")


def expanded_shape(tf: Any, shape: Any, start: Any, count: Any) -> Any:
    """`utils/ops.py`: a shape with so many ones put in."""
    start = tf.expand_dims(start, 0)
    ones = tf.ones(tf.reshape(count, [1]), dtype=tf.int32)
    return tf.concat([tf.slice(shape, [0], start), ones, tf.slice(shape, start, [-1])], 0)


def meshgrid(tf: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """`utils/ops.py`: as numpy's, of any rank."""
    across = expanded_shape(tf, tf.shape(x), 0, tf.rank(y))
    down = expanded_shape(tf, tf.shape(y), tf.rank(y), tf.rank(x))
    return tf.tile(tf.reshape(x, across), down), tf.tile(tf.reshape(y, down), across)


def tiled(tf: Any, feature: Any, shapes: Any, image: Any) -> Any:
    """`grid_anchor_generator.py`: the anchors of one map [cells * shapes, 4]."""
    rows, columns = (tf.shape(feature)[axis] for axis in (1, 2))
    height, width = (tf.to_float(tf.shape(image)[axis]) for axis in (1, 2))
    scales, roots = (tf.constant(part, tf.float32) for part in zip(*shapes, strict=True))
    roots = tf.sqrt(roots)
    shorter = tf.minimum(height, width)
    heights, widths = scales / roots * (shorter / height), scales * roots * (shorter / width)
    strides = 1.0 / tf.to_float(rows), 1.0 / tf.to_float(columns)
    y, x = (tf.to_float(tf.range(n)) * step + 0.5 * step for n, step in zip((rows, columns), strides, strict=True))
    x, y = meshgrid(tf, x, y)
    (widths, x), (heights, y) = meshgrid(tf, widths, x), meshgrid(tf, heights, y)
    centres = tf.reshape(tf.stack([y, x], axis=3), [-1, 2])
    sizes = tf.reshape(tf.stack([heights, widths], axis=3), [-1, 2])
    return tf.concat([centres - 0.5 * sizes, centres + 0.5 * sizes], 1)


def anchors(tf: Any, features: list[Any], image: Any) -> Any:
    """ymin, xmin, ymax, xmax [anchors, 4] in parts of the image, from the shapes of the maps."""
    layers = []
    with tf.name_scope("MultipleGridAnchorGenerator"):
        for level, feature in enumerate(features):
            scale, above = SCALES[level], SCALES[level + 1]
            shapes = [*((scale, ratio) for ratio in RATIOS), (np.sqrt(scale * above), 1.0)] if level else LOWEST
            layers.append(tiled(tf, feature, shapes, image))
        count = sum(tf.shape(layer)[0] for layer in layers)
        with tf.control_dependencies([tf.assert_greater(count, 0)]):
            return tf.concat(layers, 0, name="Concatenate/concat")


def decode(tf: Any, codes: Any, corners: Any) -> Any:
    """`faster_rcnn_box_coder` with the scales 10, 10, 5, 5: corners [n, anchors, 4]."""
    batch = tf.shape(codes)[0]
    tiled = tf.reshape(tf.tile(tf.expand_dims(corners, 0), tf.stack([batch, 1, 1])), [-1, 4])
    flat = tf.reshape(codes, [-1, 4])
    with tf.name_scope("Decode"):
        ymin, xmin, ymax, xmax = tf.unstack(tf.transpose(tiled))
        height, width = ymax - ymin, xmax - xmin
        y, x = ymin + height / 2.0, xmin + width / 2.0
        ty, tx, th, tw = tf.unstack(tf.transpose(flat))
        y, x = ty / 10.0 * height + y, tx / 10.0 * width + x
        h, w = tf.exp(th / 5.0) * height, tf.exp(tw / 5.0) * width
        boxes = tf.transpose(tf.stack([y - h / 2.0, x - w / 2.0, y + h / 2.0, x + w / 2.0]))
    return tf.reshape(boxes, tf.stack([codes.shape[0] or batch, -1, 4]))


def suppress(tf: Any, boxes: Any, scores: Any, classes: int, total: int = 100) -> list[Any]:
    """A loop over the batch; in it class by class, then the best of all classes, filled up with zeros."""

    def one_image(given: list[Any]) -> list[Any]:
        corners, chances = given
        found = []
        for label in range(classes):
            mine = chances[:, label]
            kept = tf.image.non_max_suppression(corners, mine, tf.minimum(100, tf.shape(mine)[0]), 0.6)
            best = tf.gather(mine, kept)
            best = tf.where(best > 1e-8, best, -tf.ones_like(best))
            found.append((tf.gather(corners, kept), best, tf.zeros_like(best) + label))
        all_boxes, all_scores, all_labels = (tf.concat(part, 0) for part in zip(*found, strict=True))
        _, order = tf.nn.top_k(all_scores, tf.minimum(total, tf.shape(all_scores)[0]))
        picked = [tf.gather(part, order) for part in (all_boxes, all_scores, all_labels)]
        keep = picked[1] > 0
        count = tf.reduce_sum(tf.cast(keep, tf.int32))
        picked = [tf.where(keep, part, tf.zeros_like(part)) for part in picked]
        short = total - tf.shape(order)[0]
        return [tf.pad(part, [[0, short]] + [[0, 0]] * (len(part.shape) - 1)) for part in picked] + [count]

    with tf.name_scope("BatchMultiClassNonMaxSuppression"):
        kinds = [tf.float32, tf.float32, tf.float32, tf.int32]
        return each(tf, one_image, [boxes, scores], kinds)


def frozen_ssd(
    tensorflow: Any,
    path: Path,
    *,
    loops: str = "v1",
    width: float = 1.0,
    side: int = 300,
    classes: int = 90,
    seed: int = 0,
    change: Callable[[str, Any], Any] = lambda what, value: value,
) -> Path:
    """Writes the frozen graph.

    Args:
        tensorflow: the module.
        path: of the .pb.
        loops: "v1" for Enter, Switch, Merge and Exit, "v2" for While with functions, "none" for a batch of 1.
        width: share of the channels.
        side: that images are resized to.
        classes: without the background.
        seed: of the weights.
        change: is given "size", "network", "codes", "logits", "corners" and may give another tensor.
    """
    tf = tensorflow.compat.v1
    before = tensorflow.compat.v1.control_flow_v2_enabled()
    (tf.enable_control_flow_v2 if loops == "v2" else tf.disable_control_flow_v2)()
    try:
        with tf.Graph().as_default() as made:
            graph = Graph(tensorflow, seed, width)
            image = tf.placeholder(tf.uint8, [1 if loops == "none" else None, None, None, 3], name="image_tensor")
            given = change("network", preprocess(tf, tf.to_float(image), side, change))
            features = graph.features(given)
            codes, logits = heads(graph, features, classes)
            codes = tf.squeeze(change("codes", codes), axis=2, name="Squeeze")
            corners = change("corners", anchors(tf, features, given))
            with tf.name_scope("Postprocessor"):
                boxes = decode(tf, codes, corners)
                scores = tf.sigmoid(tf.divide(change("logits", logits), 1.0, name="scale_logits"), "convert_scores")
                scores = tf.slice(scores, [0, 0, 1], [-1, -1, -1])
                found = suppress(tf, boxes, scores, classes)
            tf.identity(found[0], "detection_boxes")
            tf.identity(found[1], "detection_scores")
            tf.identity(found[2] + 1, "detection_classes")
            tf.identity(tf.to_float(found[3]), "num_detections")
        path.write_bytes(of_first_releases(made.as_graph_def()).SerializeToString())
    finally:
        (tf.enable_control_flow_v2 if before else tf.disable_control_flow_v2)()
    return path


def of_first_releases(definition: Any) -> Any:
    """Operations by the names that they had then."""
    for node in definition.node:
        if node.op == "FusedBatchNormV3":
            node.op = "FusedBatchNorm"
            del node.attr["U"], node.attr["exponential_avg_factor"]
        elif node.op == "AddV2" and node.attr["T"].type == 1:
            node.op = "Add"
    return definition


def run_graph(tensorflow: Any, path: Path, image: np.ndarray, *names: str) -> list[np.ndarray]:
    """TensorFlow's own results: any tensors of a frozen graph, for bytes [n, h, w, 3]."""
    tf = tensorflow.compat.v1
    definition = tf.GraphDef()
    definition.ParseFromString(path.read_bytes())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        with tf.Session(graph=graph) as session:
            return session.run([f"{name}:0" for name in names], {"image_tensor:0": image})
