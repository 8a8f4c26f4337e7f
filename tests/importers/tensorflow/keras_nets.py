"""Nets of the field in Keras, with seeded weights: SSD-MobileNet-v1, YOLOv4, and a small one of many layers."""

from __future__ import annotations

from typing import Any

import numpy as np

ANCHORS, CLASSES = 1917, 91
FEATURES = ((19, 3), (10, 6), (5, 6), (3, 6), (2, 6), (1, 6))  # side, anchors a cell
_MOBILENET = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
_EXTRA = ((256, 512), (128, 256), (128, 256), (64, 128))


class Net:
    """Layers with the same normalisation."""

    def __init__(self, keras: Any, epsilon: float) -> None:
        self.keras, self.layers, self.epsilon = keras, keras.layers, epsilon

    def conv(self, x: Any, filters: int, size: int, stride: int = 1, activation: Any = None, bias: bool = False) -> Any:
        x = self.layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=bias)(x)
        return x if bias else self.normalise(x, activation)

    def depthwise(self, x: Any, stride: int, activation: Any) -> Any:
        return self.normalise(
            self.layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x), activation
        )

    def normalise(self, x: Any, activation: Any) -> Any:
        x = self.layers.BatchNormalization(epsilon=self.epsilon)(x)
        return activation(x) if activation else x


def seeded(model: Any, seed: int = 0) -> Any:
    """Weights that keep the size of what goes through, and statistics that are not trivial."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        arrays = []
        for variable in layer.weights:
            shape, name = tuple(variable.shape), variable.name
            if name in ("gamma", "moving_variance"):
                arrays.append(rng.uniform(0.7, 1.3, shape))
            elif len(shape) == 1:
                arrays.append(rng.normal(0, 0.1, shape))
            else:
                fan = np.prod(shape[:3]) if "depthwise" not in layer.name else np.prod(shape[:2])
                arrays.append(rng.normal(0, np.sqrt(2 / fan), shape))
        layer.set_weights([array.astype(np.float32) for array in arrays])
    return model


def ssd_mobilenet_v1(keras: Any, maps: bool = False) -> Any:
    """SSD-MobileNet-v1 300x300 as TensorFlow's Object Detection API has it.

    Images of 0 to 255; raw boxes [1, 1917, 4] and logits [1, 1917, 91], with `maps` the six feature maps too.
    """
    net = Net(keras, 1e-3)
    relu6 = keras.layers.ReLU(6.0).__class__
    image = keras.Input((300, 300, 3), batch_size=1, name="image")
    x = keras.layers.Rescaling(2 / 255, offset=-1)(image)
    x = net.conv(x, 32, 3, 2, relu6(6.0))
    features = []
    for number, (filters, stride) in enumerate(_MOBILENET, 1):
        x = net.depthwise(x, stride, relu6(6.0))
        x = net.conv(x, filters, 1, 1, relu6(6.0))
        if number in (11, 13):
            features.append(x)
    for narrow, wide in _EXTRA:
        x = net.conv(x, narrow, 1, 1, relu6(6.0))
        x = net.conv(x, wide, 3, 2, relu6(6.0))
        features.append(x)
    boxes, scores = [], []
    for feature, (side, anchors) in zip(features, FEATURES, strict=True):
        assert feature.shape[1:3] == (side, side)
        boxes.append(keras.layers.Reshape((-1, 4))(net.conv(feature, 4 * anchors, 1, bias=True)))
        scores.append(keras.layers.Reshape((-1, CLASSES))(net.conv(feature, CLASSES * anchors, 1, bias=True)))
    outputs = [
        keras.layers.Concatenate(1, name="raw_boxes")(boxes),
        keras.layers.Concatenate(1, name="raw_scores")(scores),
    ]
    return seeded(keras.Model(image, outputs + (features if maps else []), name="ssd_mobilenet_v1"))


def detections(tensorflow: Any, model: Any, threshold: float = 0.6) -> Any:
    """The SSD with decoding and suppression behind it: image to boxes, scores, classes and their count.

    Boxes are y, x, y, x of 0 to 1, decoded by the scales 10, 10, 5, 5 of the Object Detection API.
    """
    tf = tensorflow
    centres, sizes = (tf.constant(part) for part in anchor_boxes())

    def detect(image: Any) -> dict[str, Any]:
        boxes, logits = model(image, training=False)
        centre = boxes[..., :2] / 10 * sizes + centres
        half = tf.exp(boxes[..., 2:] / 5) * sizes / 2
        corners = tf.concat([centre - half, centre + half], axis=-1)
        scores = tf.sigmoid(logits)[..., 1:]
        found = tf.image.combined_non_max_suppression(
            corners[:, :, None, :], scores, 100, 100, iou_threshold=0.6, score_threshold=threshold
        )
        names = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
        return dict(zip(names, found, strict=True))

    return detect


def anchor_boxes() -> tuple[np.ndarray, np.ndarray]:
    """Centres and sizes [1917, 2], y first, of the API's anchors: scales 0.2 to 0.95, ratios 1, 2, 1/2, 3, 1/3."""
    scales = [0.2 + 0.15 * level for level in range(6)] + [1.0]
    centres, sizes = [], []
    for level, (side, count) in enumerate(FEATURES):
        scale, between = scales[level], np.sqrt(scales[level] * scales[level + 1])
        shapes = [(scale, ratio) for ratio in (1, 2, 0.5, 3, 1 / 3)] + [(between, 1)]
        shapes = [(0.1, 1), (scale, 2), (scale, 0.5)] if level == 0 else shapes
        assert len(shapes) == count
        place = (np.stack(np.mgrid[:side, :side], axis=-1) + 0.5) / side
        centres.append(np.repeat(place.reshape(-1, 2), count, axis=0))
        each = np.array([(size / np.sqrt(ratio), size * np.sqrt(ratio)) for size, ratio in shapes])
        sizes.append(np.tile(each, (side * side, 1)))
    return np.concatenate(centres).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def yolov4(keras: Any, side: int, width: float = 1.0) -> Any:
    """YOLOv4 (Bochkovskiy et al., 2020): CSPDarknet53 with Mish, SPP, PAN; raw maps [1, n, n, 255], fine first."""
    net = Net(keras, 1e-3)

    def scaled(filters: int) -> int:
        return max(4, int(filters * width))

    def mish(x: Any, filters: int, size: int, stride: int = 1) -> Any:
        if stride == 2:  # Darknet pads on all sides, TensorFlow's "same" not
            x = keras.layers.ZeroPadding2D(((1, 0), (1, 0)))(x)
            x = keras.layers.Conv2D(scaled(filters), size, strides=2, padding="valid", use_bias=False)(x)
            return net.normalise(x, keras.layers.Activation("mish"))
        return net.conv(x, scaled(filters), size, 1, keras.layers.Activation("mish"))

    def leaky(x: Any, *filters: int) -> Any:
        for place, count in enumerate(filters):
            x = net.conv(x, scaled(count), 3 if place % 2 else 1, 1, keras.layers.LeakyReLU(0.1))
        return x

    def stage(x: Any, filters: int, inner: int, blocks: int) -> Any:
        x = mish(x, filters, 3, 2)
        aside, x = mish(x, inner, 1), mish(x, inner, 1)
        for _ in range(blocks):
            y = mish(mish(x, 32 if blocks == 1 else inner, 1), inner, 3)
            x = keras.layers.Add()([x, y])
        return mish(keras.layers.Concatenate()([mish(x, inner, 1), aside]), filters, 1)

    def up(x: Any, lateral: Any, filters: int) -> Any:
        x = keras.layers.UpSampling2D(2)(leaky(x, filters))
        x = keras.layers.Concatenate()([leaky(lateral, filters), x])
        return leaky(x, filters, 2 * filters, filters, 2 * filters, filters)

    def down(x: Any, lateral: Any, filters: int) -> Any:
        x = net.conv(x, scaled(filters), 3, 2, keras.layers.LeakyReLU(0.1))
        return leaky(keras.layers.Concatenate()([x, lateral]), filters, 2 * filters, filters, 2 * filters, filters)

    def head(x: Any, filters: int) -> Any:
        x = net.conv(x, scaled(filters), 3, 1, keras.layers.LeakyReLU(0.1))
        return net.conv(x, 255, 1, bias=True)

    image = keras.Input((side, side, 3), batch_size=1, name="image")
    x = stage(mish(image, 32, 3), 64, 64, 1)
    x = stage(x, 128, 64, 2)
    fine = x = stage(x, 256, 128, 8)
    middle = x = stage(x, 512, 256, 8)
    x = leaky(stage(x, 1024, 512, 4), 512, 1024, 512)
    pools = [keras.layers.MaxPooling2D(size, strides=1, padding="same")(x) for size in (13, 9, 5)]
    coarse = leaky(keras.layers.Concatenate()([*pools, x]), 512, 1024, 512)
    middle = up(coarse, middle, 256)
    fine = up(middle, fine, 128)
    lower = down(fine, middle, 256)
    lowest = down(lower, coarse, 512)
    return seeded(keras.Model(image, [head(fine, 256), head(lower, 512), head(lowest, 1024)], name="yolov4"))


def small(keras: Any, side: int | None = 64, batch: int | None = 1) -> Any:
    """One of most layers that image nets are made of; a map and a vector."""
    net, layers = Net(keras, 1e-3), keras.layers
    image = keras.Input((side, side, 3), batch_size=batch, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = net.conv(x, 8, 3, 2, layers.ReLU(6.0))
    x = layers.Add()([x, net.depthwise(x, 1, layers.Activation("silu"))])
    x = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(3, 2, padding="same")(x)])
    x = layers.PReLU(shared_axes=[1, 2])(layers.SeparableConv2D(12, 3, padding="same")(x))
    x = layers.Conv2D(12, 3, dilation_rate=2, padding="same", activation="elu")(x)
    wide = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="tanh")(x)
    if side is not None:  # Keras cannot trace these with an open size
        ups = [layers.UpSampling2D(2, interpolation=how)(x) for how in ("bilinear", "nearest")]
        wide = layers.Concatenate()([wide, *ups])
    wide = layers.Conv2D(6, 1, name="map")(layers.ZeroPadding2D(1)(layers.Cropping2D(1)(wide)))
    gate = layers.Dense(12, activation="hard_sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.LeakyReLU(0.2)(layers.Multiply()([x, gate]))
    x = layers.GlobalMaxPooling2D()(layers.Conv2D(16, 3, strides=2, activation="gelu")(x))
    return seeded(keras.Model(image, [wide, layers.Dense(5, activation="softmax", name="scores")(x)], name="small"))
