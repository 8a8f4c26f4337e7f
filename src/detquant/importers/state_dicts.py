"""State dicts of torch and safetensors: the weights alone, whose names and shapes tell the network.

Known are YOLOv8 in all its scales, ResNets for CIFAR (He et al., 2016, section 4.2) with shortcuts without weights,
torchvision's ResNets, and SSD300 with a ResNet as NVIDIA's DeepLearningExamples have it. The tensors may be the whole
file, or lie under "state_dict", "model_state_dict", "model" or "ema".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from detquant.errors import ModelError
from detquant.importers._base import ImportedModel
from detquant.importers.checkpoint import looks_like_checkpoint, parse_checkpoint, shown
from detquant.importers.checkpoint.modules import find_state_dict
from detquant.importers.checkpoint.network import Network, Tensors, export, imported, read_file

# Channels after the first convolution; no two scales have the same.
YOLOV8_SCALES = {8: "pico", 16: "n", 32: "s", 48: "m", 64: "l", 80: "x"}
YOLOV8_SIDE, YOLOV8_STRIDE = 640, 32
CIFAR_SIDE, IMAGENET_SIDE = 32, 224
SSD_SIDE, SSD_BOXES = 300, 4  # default boxes a cell of the first map
# Blocks of the three stages that SSD300 takes of a ResNet, and how many layers the whole one has.
SSD_TRUNKS = {(3, 4, 6): 50, (3, 4, 23): 101, (3, 8, 36): 152}
_TRUNK = "feature_extractor.feature_extractor"
MAX_BLOCKS = 200  # of a stage: ResNet-1202 has as many
MAX_WIDTH = 1 << 16  # channels or classes: none has more, and torch cannot count the weights of absurd ones

_KNOWN = (
    "YOLOv8 detection, ResNet for CIFAR with option A shortcuts, torchvision's ResNet, NVIDIA's SSD300 with a ResNet"
)


def matches(path: Path) -> bool:
    """Whether the file is named as checkpoints are, or begins as they do."""
    return looks_like_checkpoint(path)


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read a state dict.

    Args:
        path: the file.
        imgsz: side of the input, pixels; by default 640 for YOLOv8, 300 for SSD300, 32 and 224 for ResNets.

    Raises:
        ModelError: the file is damaged, or of no network that is known.
        MissingExtra: torch is not installed.
    """
    content = read_file(path)
    tensors = _tensors(path, content)
    network = tell(path, tensors)
    reason = f"a state dict of {len(tensors)} tensors, whose names and shapes are those of {network.title}"
    side = imgsz or network.side
    facts = {"imgsz": str([side, side])}
    if network.preprocess:
        facts["detquant.preprocess"] = network.preprocess
    return imported(path, content, export(path, content, network, tensors, side), reason, facts)


def onnx_bytes(path: Path, imgsz: int | None = None) -> bytes:
    """The network of a state dict as an ONNX file, input "images"; see `load`."""
    content = read_file(path)
    tensors = _tensors(path, content)
    return export(path, content, tell(path, tensors), tensors, imgsz)


def tell(path: Path, tensors: Tensors) -> Network:
    """The network that a state dict is of.

    Raises:
        ModelError: it is of none that is known.
    """
    for network_of in _NETWORKS:
        network = network_of(tensors)
        if network is not None:
            return network
    names = ", ".join(f"'{shown(name)}'" for name in list(tensors)[:3])
    raise ModelError(
        f"'{path}' is the state dict of no network that is known: its {len(tensors)} tensors begin with {names}. "
        f"Known: {_KNOWN}; export others to ONNX and give that file."
    )


def yolov8(tensors: Tensors) -> Network | None:
    """A YOLOv8 detector: its scale from the first convolution, its classes from the head."""
    shapes = _shapes(tensors, "model.0.conv.weight", "model.22.cv3.0.2.weight", "model.22.dfl.conv.weight")
    if shapes is None or shapes[0][0] not in YOLOV8_SCALES:
        return None
    scale, classes = YOLOV8_SCALES[shapes[0][0]], shapes[1][0]
    return Network(
        title=f"a YOLOv8{scale if len(scale) == 1 else '-' + scale} of {classes} classes",
        architecture="yolov8",
        options={"scale": scale, "classes": classes},
        side=YOLOV8_SIDE,
        multiple=YOLOV8_STRIDE,
    )


def cifar_resnet(tensors: Tensors) -> Network | None:
    """A ResNet for CIFAR: three stages of 3x3 convolutions, 6n + 2 layers."""
    shapes = _shapes(tensors, "conv1.weight", "linear.weight", "layer1.0.conv1.weight")
    blocks = _blocks(tensors)
    if shapes is None or shapes[0][2:] != (3, 3) or len(blocks) != 3 or len(set(blocks)) > 1:
        return None
    width, classes = shapes[0][0], shapes[1][0]
    return Network(
        title=f"a ResNet-{6 * blocks[0] + 2} for CIFAR of {classes} classes",
        architecture="resnet-cifar",
        options={"blocks": blocks[0], "width": width, "classes": classes},
        side=CIFAR_SIDE,
        preprocess="imagenet-uncropped",
    )


def torchvision_resnet(tensors: Tensors) -> Network | None:
    """A ResNet as torchvision has them: a 7x7 convolution, four stages, blocks of two or three convolutions."""
    shapes = _shapes(tensors, "conv1.weight", "fc.weight", "layer1.0.conv1.weight")
    blocks = _blocks(tensors)
    if shapes is None or shapes[0][2:] != (7, 7) or len(blocks) != 4:
        return None
    bottleneck = "layer1.0.conv3.weight" in tensors
    classes, layers = shapes[1][0], (3 if bottleneck else 2) * sum(blocks) + 2
    return Network(
        title=f"a ResNet-{layers} of {classes} classes",
        architecture="resnet-torchvision",
        options={"blocks": blocks, "bottleneck": bottleneck, "classes": classes},
        side=IMAGENET_SIDE,
        preprocess="imagenet",
    )


def ssd300(tensors: Tensors) -> Network | None:
    """An SSD300 of NVIDIA's with a ResNet of bottlenecks; one of other blocks is compared with that of ResNet-50."""
    shapes = _shapes(tensors, f"{_TRUNK}.0.weight", f"{_TRUNK}.4.0.conv3.weight", "conf.0.bias")
    labels, rest = divmod(shapes[2][0], SSD_BOXES) if shapes else (0, 0)
    if labels < 2 or rest:  # with the background
        return None
    found = _blocks(tensors, rf"{re.escape(_TRUNK)}\.([4-6])")
    blocks = found if found in SSD_TRUNKS else next(iter(SSD_TRUNKS))
    return Network(
        title=f"an SSD300 with a ResNet-{SSD_TRUNKS[blocks]} of {labels - 1} classes",
        architecture="ssd300",
        options={"blocks": blocks, "labels": labels},
        side=SSD_SIDE,
        resizable=False,
        outputs=("locs", "confs"),
    )


_NETWORKS: tuple[Callable[[Tensors], Network | None], ...] = (yolov8, cifar_resnet, torchvision_resnet, ssd300)


def _tensors(path: Path, content: bytes) -> Tensors:
    tree = parse_checkpoint(path, content)
    tensors = find_state_dict(tree)
    if tensors is None:
        held = ", ".join(f"'{shown(str(name))}'" for name in list(tree)[:5]) if isinstance(tree, dict) else ""
        found = f"a dict of {held}" if held else f"a {getattr(tree, 'name', type(tree).__name__)}"
        raise ModelError(
            f"'{path}' holds no state dict but {shown(found)}: expected tensors by name, as model.state_dict() gives."
        )
    return tensors


def _shapes(tensors: Tensors, *names: str) -> list[tuple[int, ...]] | None:
    """Shapes of these tensors; None where one is missing, has no dimension, or sides that no layer has."""
    shapes = [tensors[name].shape for name in names if name in tensors]
    proper = all(shape and min(shape) > 0 and max(shape) <= MAX_WIDTH for shape in shapes)
    return shapes if len(shapes) == len(names) and proper else None


def _blocks(tensors: Tensors, stage: str = "layer([1-9])") -> tuple[int, ...]:
    """How many blocks each stage has, by the expression for its name and number; nothing where that is no ResNet's."""
    places: dict[int, set[int]] = {}
    for name in tensors:
        found = re.match(rf"{stage}\.([0-9]{{1,3}})\.", name)
        if found:
            places.setdefault(int(found[1]), set()).add(int(found[2]))
    stages = sorted(places)
    counts = tuple(len(places[stage]) for stage in stages)
    gapless = not stages or stages[-1] - stages[0] == len(stages) - 1
    return counts if gapless and all(count <= MAX_BLOCKS for count in counts) else ()
