"""Networks that detquant builds itself, as torch modules: to train, to fine-tune, to hold a checkpoint's weights."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from detquant.errors import MissingExtra, ModelError, load_named

__all__ = ["ARCHITECTURES", "SEEDED", "load_architecture"]

ARCHITECTURES = {
    "resnet": "detquant.architectures.resnet:ResNet",
    "resnet-cifar": "detquant.architectures.cifar_resnet:CifarResNet",
    "resnet-torchvision": "detquant.architectures.torchvision_resnet:TorchvisionResNet",
    "ssd300": "detquant.architectures.ssd300:SSD300",
    "yolov8": "detquant.architectures.yolov8:YOLOv8",
}

SEEDED: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet-18": ("resnet-torchvision", {"blocks": (2, 2, 2, 2), "bottleneck": False}),
    "resnet-50": ("resnet-torchvision", {"blocks": (3, 4, 6, 3), "bottleneck": True}),
    "ssd300": ("ssd300", {"blocks": (3, 4, 6)}),
}
"""Networks that can be had with seeded weights, see `seeded`: the architecture, and the arguments of its class."""


def load_architecture(name: str) -> Any:
    """The class of an architecture in ARCHITECTURES, a subclass of `torch.nn.Module`.

    Raises:
        ModelError: there is none of that name.
        MissingExtra: torch is not installed.
    """
    if name in ARCHITECTURES and find_spec("torch") is None:
        raise MissingExtra("torch", "torch")
    return load_named("architecture", name, ARCHITECTURES, ModelError)
