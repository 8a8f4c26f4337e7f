"""Programs of anyone: read, they give what torch gives; and they run in torch itself."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
from programs import Small, repacked, saved, small
from torch import nn

from detquant.errors import MissingExtra, ModelError
from detquant.graph.running import OrtRunner
from detquant.importers import load_model
from detquant.importers.torch_export import open_program
from detquant.targets import load_target


def expected(content: bytes, image: torch.Tensor) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = torch.export.load(io.BytesIO(content)).module()(image)
    return [value.detach().numpy() for value in (found if isinstance(found, (tuple, list)) else (found,))]


def check(content: bytes, path: Path, image: torch.Tensor, exact: bool = True, imgsz: int | None = None) -> ir.Model:
    """What torch's own reader gives, the imported graph and the program itself give."""
    path.write_bytes(content)
    imported = load_model(path, imgsz)
    names = [value.name or "" for value in imported.model.graph.inputs]
    outputs = [value.name or "" for value in imported.model.graph.outputs]
    wanted = expected(content, image)
    in_ort = OrtRunner(imported.model).run({names[0]: image.numpy()})
    assert imported.own is not None
    runner = load_target("pytorch").open_own(imported.own, imported.model)
    assert runner is not None
    itself = runner.run({names[0]: image.numpy()})
    for name, value in zip(outputs, wanted, strict=True):
        np.testing.assert_array_equal(itself[name], value)
        np.testing.assert_allclose(in_ort[name], value, atol=1e-5 if exact else 0.1)
    return imported.model


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_as_it_is_traced(tmp_path: Path, image: torch.Tensor) -> None:
    model = check(small(), tmp_path / "a.pt2", image)
    assert {node.op_type for node in model.graph} >= {"Conv", "Split", "Concat"}
    assert [value.name for value in model.graph.outputs] == ["output0", "output1"]


def test_in_core_operators(tmp_path: Path, image: torch.Tensor) -> None:
    packed = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Small().eval(), (image,)).run_decompositions()
        torch.export.save(program, packed)
    check(packed.getvalue(), tmp_path / "a.pt2", image)


class Apart(nn.Module):
    """Computes a part without gradients, which torch keeps as a graph of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        made = self.conv(image)
        with torch.no_grad():
            first, second = (made * torch.arange(4.0).reshape(1, 4, 1, 1)).chunk(2, 1)
            first = self.conv(image)[:, :2] + first
        return torch.cat([first, second], 1) + made, second


def test_what_is_computed_without_gradients(tmp_path: Path, image: torch.Tensor) -> None:
    content = saved(Apart().eval(), (image,))
    assert b"wrap_with_set_grad_enabled" in content
    check(content, tmp_path / "a.pt2", image)


@pytest.mark.parametrize("imgsz", [None, 16])
def test_sizes_left_open_are_the_example_s_or_as_asked(imgsz: int | None, tmp_path: Path) -> None:
    side = torch.export.Dim("side", min=2, max=64)
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AvgPool2d(2)).eval()
    open_sides = ({0: torch.export.Dim("batch"), 2: 2 * side, 3: 2 * side},)
    content = saved(net, (torch.rand(2, 3, 8, 8),), dynamic_shapes=open_sides)
    model = check(content, tmp_path / "a.pt2", torch.rand(1, 3, imgsz or 8, imgsz or 8), imgsz=imgsz)
    assert model.graph.inputs[0].shape == (1, 3, imgsz or 8, imgsz or 8)


class Rounded(nn.Module):
    """A convolution between grids, as PT2E and fake quantisation write them."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.low, self.high = low, high
        self.register_buffer("scales", torch.full((4,), 0.02))
        self.register_buffer("zeros", torch.zeros(4, dtype=torch.int32))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        codes = torch.ops.quantized_decomposed.quantize_per_tensor(image, 1 / 200, 3, 10, 190, torch.uint8)
        real = torch.ops.quantized_decomposed.dequantize_per_tensor(codes, 1 / 200, 3, 10, 190, torch.uint8)
        bounds = (self.low, self.high)
        weight = torch.fake_quantize_per_channel_affine(self.weight, self.scales, self.zeros, 0, *bounds)
        made = torch.conv2d(real, weight)
        return torch.fake_quantize_per_tensor_affine(made, 0.05, 0, -128, 127)


@pytest.mark.parametrize("bounds", [(-128, 127), (-127, 127), (-8, 7)])
def test_rounding_of_other_tools_becomes_a_quantised_graph(
    bounds: tuple[int, int], tmp_path: Path, image: torch.Tensor
) -> None:
    import torch.ao.quantization.fx._decomposed  # noqa: F401  (registers the operators)

    model = check(saved(Rounded(*bounds).eval(), (image,)), tmp_path / "a.pt2", image, exact=False)
    [conv] = [node for node in model.graph if node.op_type == "Conv"]
    weight = conv.inputs[1]
    assert weight is not None
    dequantize = weight.producer()
    assert dequantize is not None and dequantize.op_type == "DequantizeLinear"
    codes = dequantize.inputs[0]
    assert codes is not None and codes.const_value is not None
    numbers = codes.const_value.numpy()
    assert numbers.dtype == np.int8 and (numbers.min(), numbers.max()) == pytest.approx(bounds, abs=60)
    assert numbers.min() >= bounds[0] and numbers.max() <= bounds[1]


def test_tensors_in_a_pickle_of_torch_are_followed_by_hand(tmp_path: Path, image: torch.Tensor) -> None:
    """As torch 2.8 has them, and as torch 2.7 has them."""
    content, net = small(), Small().eval()
    parts = {"weights": net.state_dict(), "constants": {"shift": net.shift}}
    pickles = {}
    for kind, tensors in parts.items():
        packed = io.BytesIO()
        torch.save(tensors, packed)
        pickles[kind] = packed.getvalue()

    def as_2_8(name: str, data: bytes) -> dict[str, bytes]:
        kind = next((kind for kind in parts if f"/{kind}/" in name), None)
        if kind is None:
            return {name: data}
        folder = name.rpartition("/")[0]
        return {f"{folder}/model.pt": pickles[kind]} if name.endswith("config.json") else {}

    def as_2_7(name: str, data: bytes) -> dict[str, bytes]:
        if name.endswith("models/model.json"):
            written = {"serialized_exported_program.json": data, "version": b"8.8"}
            return written | {f"serialized_{key}.pt": pickles[kind] for kind, key in OLD.items()}
        return {}

    path = tmp_path / "a.pt2"
    for layout in (as_2_8, as_2_7):
        path.write_bytes(repacked(content, layout))
        found = open_program(path)(image)
        for made, wanted in zip(found, expected(content, image), strict=True):
            np.testing.assert_array_equal(made.numpy(), wanted)


OLD = {"weights": "state_dict", "constants": "constants"}


def test_names_that_somebody_put_beside_it_are_the_classes(tmp_path: Path) -> None:
    extra = {"metadata.json": json.dumps({"names": {"0": "cat", "1": "dog"}, "imgsz": [8, 8]})}
    path = tmp_path / "a.pt2"
    path.write_bytes(saved(Small().eval(), (torch.zeros(1, 3, 8, 8),), extra_files=extra))
    assert load_model(path).metadata == {"names": "{0: 'cat', 1: 'dog'}", "imgsz": "[8, 8]"}


def test_a_program_of_the_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt2"
    path.write_bytes(saved(Small().train(), (torch.zeros(1, 3, 8, 8),)))
    with pytest.raises(ModelError, match=r"call model\.eval\(\) before torch\.export\.export"):
        load_model(path)


@pytest.mark.parametrize("package", ["torch", "onnxscript"])
def test_without_the_extra_there_is_a_sentence(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pt2"
    path.write_bytes(small())
    monkeypatch.setattr("detquant.importers.torch_export.find_spec", lambda name: None if name == package else True)
    with pytest.raises(MissingExtra, match=r"pip install 'detquant\[torch\]'"):
        load_model(path)


class OnSteps(nn.Module):
    """An image on a grid of many codes."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.fake_quantize_per_tensor_affine(image, 1e-4, 0, self.low, self.high)


@pytest.mark.parametrize(("bounds", "type_"), [((0, 65535), np.uint16), ((-32768, 32767), np.int16)])
def test_grids_of_sixteen_bits_are_read(
    bounds: tuple[int, int], type_: type, tmp_path: Path, image: torch.Tensor
) -> None:
    model = check(saved(OnSteps(*bounds).eval(), (image,)), tmp_path / "a.pt2", image, exact=False)
    zeros = [node.inputs[2].const_value for node in model.graph if node.op_type == "QuantizeLinear" and node.inputs[2]]
    assert [zero.numpy().dtype for zero in zeros if zero is not None] == [type_]


def test_grids_between_are_refused_with_what_is_read(tmp_path: Path, image: torch.Tensor) -> None:
    path = tmp_path / "a.pt2"
    path.write_bytes(saved(OnSteps(0, 4095).eval(), (image,)))
    with pytest.raises(ModelError, match="codes from 0 to 4095: only those of 2 to 8 and of 16 bits are read"):
        load_model(path)
