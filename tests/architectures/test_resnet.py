from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from detquant.architectures.resnet import ResNet  # noqa: E402

SHAPES = {
    "conv1.weight": (16, 3, 3, 3),
    "bn1.running_mean": (16,),
    "layer1.0.conv1.weight": (16, 16, 3, 3),
    "layer2.0.downsample.0.weight": (32, 16, 1, 1),
    "layer2.0.downsample.1.bias": (32,),
    "layer3.2.bn2.weight": (64,),
    "fc.weight": (10, 64),
    "fc.bias": (10,),
}


def test_size_names_and_shapes() -> None:
    model = ResNet()
    assert sum(parameter.numel() for parameter in model.parameters()) == 272_474
    assert SHAPES.items() <= {name: tuple(x.shape) for name, x in model.state_dict().items()}.items()
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_widths_and_blocks() -> None:
    model = ResNet((8, 16), blocks=1, classes=4)
    assert model(torch.rand(1, 3, 32, 32)).shape == (1, 4)
    assert "layer3.0.conv1.weight" not in model.state_dict()
