from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from detquant.architectures.cifar_resnet import CifarBlock, CifarResNet  # noqa: E402
from detquant.architectures.torchvision_resnet import TorchvisionResNet  # noqa: E402

# the paper's table 6, and torchvision's documentation
CIFAR = {3: 269_722, 9: 853_018}
TORCHVISION = {
    18: ((2, 2, 2, 2), False, 11_689_512),
    34: ((3, 4, 6, 3), False, 21_797_672),
    50: ((3, 4, 6, 3), True, 25_557_032),
}


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("blocks", CIFAR)
def test_cifar_sizes(blocks: int) -> None:
    assert count(CifarResNet(blocks)) == CIFAR[blocks]


def test_option_a_takes_every_other_cell_and_puts_zeros_around_the_channels() -> None:
    block = CifarBlock(2, 4, 2).eval()
    torch.nn.init.zeros_(block.conv2.weight)  # only the shortcut is left
    x = torch.rand(1, 2, 4, 4)
    y = block(x)
    assert torch.equal(y[:, 1:3], x[:, :, ::2, ::2])
    assert not y[:, 0].any() and not y[:, 3].any()


@pytest.mark.parametrize("layers", TORCHVISION)
def test_torchvision_sizes_names_and_shapes(layers: int) -> None:
    blocks, bottleneck, parameters = TORCHVISION[layers]
    with torch.device("meta"):
        model = TorchvisionResNet(blocks, bottleneck)
    state = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert count(model) == parameters
    assert state["conv1.weight"] == (64, 3, 7, 7)
    assert state["layer2.0.downsample.0.weight"] == ((512, 256, 1, 1) if bottleneck else (128, 64, 1, 1))
    assert ("layer1.0.downsample.0.weight" in state) == bottleneck
    assert model(torch.empty(1, 3, 64, 64, device="meta")).shape == (1, 1000)
