from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from detquant.architectures.ssd300 import SSD300  # noqa: E402

# of NVIDIA's checkpoints
SHAPES = {
    "feature_extractor.feature_extractor.0.weight": (64, 3, 7, 7),
    "feature_extractor.feature_extractor.1.running_var": (64,),
    "feature_extractor.feature_extractor.4.0.downsample.0.weight": (256, 64, 1, 1),
    "feature_extractor.feature_extractor.5.3.conv2.weight": (128, 128, 3, 3),
    "feature_extractor.feature_extractor.6.5.bn3.weight": (1024,),
    "additional_blocks.0.0.weight": (256, 1024, 1, 1),
    "additional_blocks.0.3.weight": (512, 256, 3, 3),
    "additional_blocks.2.4.bias": (256,),
    "additional_blocks.4.1.weight": (128,),
    "loc.0.weight": (16, 1024, 3, 3),
    "loc.5.bias": (16,),
    "conf.1.weight": (6 * 81, 512, 3, 3),
    "conf.5.bias": (4 * 81,),
}
RESNET_50, LAYER_4, CLASSIFIER = 25_557_032, 14_964_736, 2_049_000  # torchvision's, and what SSD300 leaves away


def test_names_and_shapes_are_those_of_the_checkpoints() -> None:
    with torch.device("meta"):
        state = {name: tuple(tensor.shape) for name, tensor in SSD300().state_dict().items()}
    assert SHAPES.items() <= state.items()
    assert not any(name.startswith("feature_extractor.feature_extractor.7") for name in state)


def test_parameters() -> None:
    with torch.device("meta"):
        model = SSD300()
    trunk = sum(parameter.numel() for parameter in model.feature_extractor.parameters())
    assert trunk == RESNET_50 - LAYER_4 - CLASSIFIER
    blocks = [(1024, 256, 512), (512, 256, 512), (512, 128, 256), (256, 128, 256), (256, 128, 256)]
    extra = sum(reads * inner + 9 * inner * gives + 2 * (inner + gives) for reads, inner, gives in blocks)
    maps = [(1024, 4), (512, 6), (512, 6), (256, 6), (256, 4), (256, 4)]
    heads = sum((9 * width + 1) * boxes * (4 + 81) for width, boxes in maps)
    assert sum(parameter.numel() for parameter in model.parameters()) == trunk + extra + heads


def test_maps_are_of_the_sizes_that_the_default_boxes_have() -> None:
    with torch.device("meta"):
        model, x = SSD300(labels=3).eval(), torch.empty(1, 3, 300, 300)
        codes, logits = model(x)
        sides = [(x := model.feature_extractor(x)).shape[-1]]
        sides += [(x := block(x)).shape[-1] for block in model.additional_blocks]
    assert sides == [38, 19, 10, 5, 3, 1]
    assert (codes.shape, logits.shape) == ((1, 4, 8732), (1, 3, 8732))


def test_boxes_come_one_after_the_other_cells_within() -> None:
    model = SSD300(labels=3).eval()
    with torch.no_grad():
        for head in (*model.loc, *model.conf):
            head.weight.zero_()
            head.bias.copy_(torch.arange(len(head.bias)))
        codes, logits = model(torch.zeros(1, 3, 300, 300))
    # channel k of a head of 4 boxes is value k // 4 of box k % 4
    assert codes[0, :, 0].tolist() == [0, 4, 8, 12] and codes[0, :, 38 * 38].tolist() == [1, 5, 9, 13]
    assert logits[0, :, -1].tolist() == [3, 7, 11]
