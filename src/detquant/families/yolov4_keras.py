"""YOLOv4 of Keras: three maps with the channels last, whose shapes alone tell how they are decoded.

Such files carry no metadata. Anchors are YOLOv4's published ones; the centre does not leave its cell (scale_x_y is 1),
images are letterboxed, as in the Keras implementation that these models come from.
"""

from __future__ import annotations

from detquant.families.signature import Shape, Signature, is_dynamic
from detquant.families.yolo_heads import BOX_AND_OBJECT, YoloHead, YoloHeads

# Of each stride, (width, height) in pixels: cfg/yolov4.cfg of AlexeyAB's darknet.
ANCHORS = {
    8: ((12, 16), (19, 36), (40, 28)),
    16: ((36, 75), (76, 55), (72, 146)),
    32: ((142, 110), (192, 243), (459, 401)),
}
PER_CELL = 3


def keras_expected(height: int, width: int) -> str:
    """The output shapes for an input size, in words."""
    maps = ", ".join(f"{height // stride}x{width // stride}" for stride in ANCHORS)
    return f"three outputs [1, rows, columns, {PER_CELL} * (5 + classes)] of {maps} cells"


def keras_heads(signature: Signature) -> YoloHeads | None:
    """How the maps are decoded, or None if the outputs are not three such maps."""
    _, height, width = signature.image_input()
    heads, classes = [], set()
    for name, shape in signature.outputs.items():
        for stride, anchors in ANCHORS.items():
            count = _count_classes(shape, (height / stride, width / stride))
            if count > 0:
                step = (float(stride), float(stride))
                heads.append(YoloHead(output=name, anchors=anchors, stride=step, channels_last=True))
                classes.add(count)
    if {head.stride[0] for head in heads} != set(ANCHORS) or len(heads) != len(ANCHORS) or len(classes) != 1:
        return None
    return YoloHeads(heads=tuple(heads), classes=classes.pop(), resize="letterbox")


def _count_classes(shape: Shape, cells: tuple[float, float]) -> int:
    """Classes that a map of so many rows and columns tells; 0 if its shape is another."""
    if is_dynamic(shape) or shape[:1] != (1,) or shape[1:3] != cells:
        return 0
    channels = [int(size or 0) for size in shape[3:]]
    if len(channels) == 1 and channels[0] % PER_CELL == 0:
        return channels[0] // PER_CELL - BOX_AND_OBJECT
    return channels[1] - BOX_AND_OBJECT if len(channels) == 2 and channels[0] == PER_CELL else 0
