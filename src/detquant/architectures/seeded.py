"""Networks with weights from a seed, for where trained ones are absent: what they find means nothing, but they compute.

Weights as an initialisation leaves them are no stand-in: signals fade from layer to layer, and every image is given the
same answer, which any quantised network gives too. Here they come to what training brings about:

1. convolutions as He et al. (Delving Deep into Rectifiers, 2015) draw them, gains and shifts of BatchNorm uneven;
2. BatchNorm knows the mean and the variance of what it is given, over pictures of noise at many scales;
3. logits spread as far as those of a trained network, around zero: so images differ in what is found in them, and of
   a detector's boxes some are of a class and most are background.

So such a network tells how near a quantised one stays to it. Whether it finds what is there it cannot tell.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from detquant.architectures import SEEDED, load_architecture
from detquant.errors import ModelError, unknown_name

SCALES = (4, 8, 16, 32, 64)
"""Cells along a side of the noises that a picture is the sum of."""
LOGIT_STD, CODE_STD, LEAST = 2.0, 0.5, 1e-6
BACKGROUND = 6.0
"""Logit of the background, above the mean of the classes: some boxes in a hundred are of a class then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A last layer, and what its outputs are to be like.

    Attributes:
        layer: a convolution or a linear layer, with a bias.
        std: standard deviation of each output over pictures; its mean is 0.
        labels: how many labels it tells for each box, the background first; 0 where there is no background.
    """

    layer: Any
    std: float = LOGIT_STD
    labels: int = 0


def resnet_heads(network: Any) -> Iterator[Head]:
    """The last layer of a ResNet."""
    yield Head(layer=network.fc)


def ssd_heads(network: Any) -> Iterator[Head]:
    """The heads of an SSD300, for labels and for codes."""
    for conf, loc in zip(network.conf, network.loc, strict=True):
        yield Head(layer=conf, labels=network.labels)
        yield Head(layer=loc, std=CODE_STD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the networks of an architecture need, to come to what training brings about.

    Attributes:
        side: side of the input in pixels.
        pictures: how many pictures of noise BatchNorm and the heads are brought to their statistics with.
        heads: the last layers.
    """

    side: int
    pictures: int
    heads: Callable[[Any], Iterator[Head]]


KINDS: Mapping[str, Kind] = {
    "resnet-torchvision": Kind(side=224, pictures=8, heads=resnet_heads),
    "ssd300": Kind(side=300, pictures=4, heads=ssd_heads),
}
"""By architecture; a picture of an SSD tells as much as many of a classifier, for it has thousands of boxes."""


def seeded_network(name: str, seed: int = 0) -> Any:
    """A network of `SEEDED` with its weights, in evaluation mode; torch's own random numbers stay where they were.

    Raises:
        ModelError: there is none of that name.
        MissingExtra: torch is not installed.
    """
    if name not in SEEDED:
        raise ModelError(unknown_name("seeded network", name, SEEDED))
    architecture, options = SEEDED[name]
    kind = KINDS[architecture]
    with torch.random.fork_rng(devices=()), torch.no_grad():
        torch.manual_seed(seed)
        network = load_architecture(architecture)(**options)
        _draw(network)
        pictures = noise(kind.pictures, kind.side)
        with _learning(network):
            network(pictures)
        _spread(network, list(kind.heads(network)), pictures)
    return network


def seeded_checkpoint(name: str, seed: int = 0) -> bytes:
    """The state dict of `seeded_network` as a file, as torch.save writes it."""
    file = io.BytesIO()
    torch.save(seeded_network(name, seed).state_dict(), file)
    return file.getvalue()


def noise(count: int, side: int) -> Tensor:
    """Pictures of noise at all scales [count, 3, side, side], each of mean 0 and variance 1."""
    total = torch.zeros(count, 3, side, side)
    for cells in SCALES:
        drawn = torch.randn(count, 3, cells, cells) / cells**0.5
        total += nn.functional.interpolate(drawn, size=(side, side), mode="bilinear")
    mean, std = total.mean((1, 2, 3), keepdim=True), total.std((1, 2, 3), keepdim=True)
    return (total - mean) / std


def _draw(network: nn.Module) -> None:
    """Draws the weights of all convolutions, and the gains and shifts of BatchNorm (case 1)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)


@contextmanager
def _learning(network: nn.Module) -> Iterator[None]:
    """Within the block BatchNorm takes the statistics of what passes through it (case 2)."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    network.train()
    try:
        yield
    finally:
        network.eval()


def _spread(network: nn.Module, heads: Sequence[Head], pictures: Tensor) -> None:
    """Scales and shifts what each output of the heads is over pictures to mean 0 and its deviation (case 3)."""
    made: dict[int, Tensor] = {}
    hooks = [
        head.layer.register_forward_hook(lambda _, __, output, place=place: made.update({place: output}))
        for place, head in enumerate(heads)
    ]
    try:
        network(pictures)
    finally:
        for hook in hooks:
            hook.remove()
    for place, head in enumerate(heads):
        layer, output = head.layer, made[place]
        over = [axis for axis in range(output.dim()) if axis != 1]
        gain = head.std / output.std(over).clamp_min(LEAST)
        layer.bias.data = (layer.bias - output.mean(over)) * gain
        layer.weight.data *= gain.reshape(-1, *[1] * (layer.weight.dim() - 1))
        if head.labels:
            layer.bias.data.reshape(head.labels, -1)[0] += BACKGROUND
