"""Networks whose trained weights nobody may pass on, at full size with weights from a seed: for their speed only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from detquant.architectures import load_architecture

DARKNET = Path(__file__).resolve().parents[1] / "tests" / "importers" / "darknet"
YOLOV4_SIDE = 416


def resnet18(folder: Path) -> Path:
    """torchvision's, as a state dict."""
    return _state_dict(
        folder / "resnet18.pth", "resnet-torchvision", blocks=(2, 2, 2, 2), bottleneck=False, classes=1000
    )


def ssd300(folder: Path) -> Path:
    """NVIDIA's with a ResNet-50, as a state dict."""
    return _state_dict(folder / "ssd300.pth", "ssd300")


def yolov4(folder: Path) -> Path:
    """Darknet's, as .cfg and .weights."""
    sys.path.append(str(DARKNET))  # the tests have it from its description
    from darknet_nets import yolov4 as cfg
    from darknet_reference import write_weights

    path = folder / "yolov4.cfg"
    path.write_text(cfg(YOLOV4_SIDE))
    write_weights(path.with_suffix(".weights"), cfg(YOLOV4_SIDE))
    return path


SEEDED: Mapping[str, Callable[[Path], Path]] = {"resnet-18": resnet18, "ssd300": ssd300, "yolov4": yolov4}
"""By name: writes the files into a folder and gives the path of the one to load."""


def _state_dict(path: Path, architecture: str, **options: Any) -> Path:
    network = load_architecture(architecture)
    import torch

    torch.manual_seed(0)
    torch.save(network(**options).state_dict(), path)
    return path
