from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from detquant.architectures import load_architecture
from detquant.errors import ModelError

torch = pytest.importorskip("torch")

WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "assets" / "weights" / "detect"
needs_assets = pytest.mark.skipif(not WEIGHTS.is_dir(), reason=f"no trained detectors at {WEIGHTS}")

PARAMETERS = {"n": 3_157_200, "s": 11_166_560, "m": 25_902_640, "l": 43_691_520, "x": 68_229_648}

# of Ultralytics' yolov8n checkpoint
NAMES = {
    "model.0.conv.weight": (16, 3, 3, 3),
    "model.0.bn.weight": (16,),
    "model.0.bn.running_var": (16,),
    "model.2.cv1.conv.weight": (32, 32, 1, 1),
    "model.2.cv2.conv.weight": (32, 48, 1, 1),
    "model.2.m.0.cv1.conv.weight": (16, 16, 3, 3),
    "model.4.m.1.cv2.bn.bias": (32,),
    "model.9.cv2.conv.weight": (256, 512, 1, 1),
    "model.12.cv1.conv.weight": (128, 384, 1, 1),
    "model.15.cv1.conv.weight": (64, 192, 1, 1),
    "model.21.cv2.conv.weight": (256, 384, 1, 1),
    "model.22.cv2.0.0.conv.weight": (64, 64, 3, 3),
    "model.22.cv2.0.2.bias": (64,),
    "model.22.cv3.0.0.conv.weight": (80, 64, 3, 3),
    "model.22.cv3.2.2.weight": (80, 80, 1, 1),
    "model.22.dfl.conv.weight": (1, 16, 1, 1),
}


def yolov8(*options: object):
    return load_architecture("yolov8")(*options)


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("scale", PARAMETERS)
def test_published_scales_have_the_published_parameters(scale: str) -> None:
    with torch.device("meta"):  # numbers of weights, without the weights
        assert count(yolov8(scale, 80)) == PARAMETERS[scale]


def test_pico_is_small() -> None:
    assert count(yolov8("pico", 10)) == 573_606


def test_names_and_shapes_are_those_of_the_checkpoints() -> None:
    state = {name: tuple(tensor.shape) for name, tensor in yolov8("n").state_dict().items()}
    assert len(state) == 355
    assert NAMES.items() <= state.items()
    assert set(yolov8("pico").state_dict()) == set(state)


def test_shapes_in_training_and_evaluation() -> None:
    model, images = yolov8("pico", 10), torch.rand(2, 3, 64, 96)
    assert [tuple(x.shape) for x in model.train()(images)] == [(2, 74, 8, 12), (2, 74, 4, 6), (2, 74, 2, 3)]
    output = model.eval()(images)
    assert output.shape == (2, 14, 96 + 24 + 6)
    assert 0 <= output[:, 4:].min() <= output[:, 4:].max() <= 1


def test_a_flat_distribution_is_a_square_around_the_cell() -> None:
    head = yolov8("pico", 1).model[-1]
    maps = [torch.zeros(1, 65, rows, 2 * rows) for rows in (4, 2, 1)]
    output = head.decode(maps)[0]
    assert output[:, 0].tolist() == pytest.approx([4, 4, 120, 120, 0.5])  # 7.5 strides to each side
    assert output[:, 9].tolist() == pytest.approx([12, 12, 120, 120, 0.5])  # the second row, second column
    assert output[:, -1].tolist() == pytest.approx([48, 16, 480, 480, 0.5])


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(ModelError, match="Unknown scale of YOLOv8 'nano'"):
        yolov8("nano")


def onnx_output(path: Path, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path))
    [output] = session.run(None, {session.get_inputs()[0].name: images})
    return output


def with_fused_weights(path: Path):
    """YOLOv8n with the file's convolutions; BatchNorm only adds their biases."""
    model = yolov8("n").eval()
    state = model.state_dict()
    for tensor in onnx.load(path).graph.initializer:
        array, name = torch.from_numpy(numpy_helper.to_array(tensor).copy()), tensor.name
        if name.endswith("conv.bias"):
            stem = name.removesuffix("conv.bias") + "bn."
            # 1 / sqrt(var + eps) is 1
            changes = {"weight": 1, "bias": array, "running_mean": 0, "running_var": 1 - 1e-3}
            for part, value in changes.items():
                state[stem + part][:] = value
        elif name in state:
            state[name].copy_(array)
    return model


@needs_assets
@pytest.mark.parametrize("source", ["onnx", "state dict"])
def test_equals_ultralytics_export(source: str) -> None:
    path = WEIGHTS / "yolov8n.onnx"
    if source == "onnx":
        model = with_fused_weights(path)
    else:
        model = yolov8("n").eval()
        model.load_state_dict(torch.load(WEIGHTS / "yolov8n_state_dict.pt", weights_only=True), strict=True)
    images = np.random.default_rng(0).random((1, 3, 640, 640), np.float32)
    with torch.no_grad():
        ours = model(torch.from_numpy(images)).numpy()
    theirs = onnx_output(path, images)
    np.testing.assert_allclose(ours[:, 4:], theirs[:, 4:], rtol=0, atol=1e-6)
    # float32 has 6e-5 px at 640 px, and sums of hundreds of products more
    np.testing.assert_allclose(ours[:, :4], theirs[:, :4], rtol=1e-4, atol=2e-3)
