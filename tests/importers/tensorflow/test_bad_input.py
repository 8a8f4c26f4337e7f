"""Files of TensorFlow that are no models, or not whole: one sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saving import frozen, saved_model

from detquant.errors import ModelError, UnsupportedOperator
from detquant.importers import load_model
from detquant.importers.tensorflow.variables import _read, _written


def net(tensorflow: Any, layers: int = 1) -> Any:
    keras = tensorflow.keras
    x = given = keras.Input((16, 16, 3), batch_size=1, name="image")
    for _ in range(layers):
        x = keras.layers.Conv2D(4, 3)(x) if layers < 3 else keras.layers.Conv2D(4, 3, padding="same")(x)
    return keras.Model(given, x)


@pytest.fixture
def graph(tensorflow: Any, tmp_path: Path) -> Path:
    return frozen(tensorflow, net(tensorflow), (1, 16, 16, 3), tmp_path / "net.pb")


@pytest.fixture
def folder(tensorflow: Any, tmp_path: Path) -> Path:
    model = net(tensorflow)
    return saved_model(tensorflow, model, lambda x: {"map": model(x)}, (1, 16, 16, 3), tmp_path / "net")


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"node {\n  name: 'x'\n}\n" * 20, "is text"),
        (b"\x12\x00", "has no nodes"),
        (b"\x08\x01\x12\x00", "is the graph of a SavedModel: name it 'saved_model.pb'"),
        (b"\xff\xd8\xff\xe0" + bytes(300), "is not a frozen TensorFlow graph"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "is not a frozen TensorFlow graph"),
        (b"\x0a\xff\xff\xff\xff\x7f" + bytes(100), "is truncated or damaged"),
    ],
)
def test_what_is_named_pb(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pb"
    path.write_bytes(content)
    assert what in refused(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_graph_cut_short(share: float, graph: Path) -> None:
    content = graph.read_bytes()
    graph.write_bytes(content[: int(share * len(content))])
    assert "is truncated or damaged" in refused(graph)


def test_a_graph_with_bytes_turned_over(graph: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content, rng = graph.read_bytes(), np.random.default_rng(0)
    for _ in range(30):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(0, len(damaged), 8)] = rng.integers(0, 256, 8)
        graph.write_bytes(damaged.tobytes())
        try:
            load_model(graph)
        except ModelError as error:
            assert "\n" not in str(error)


def test_operations_that_are_not_known(tensorflow: Any, tmp_path: Path) -> None:
    def call(x: Any) -> Any:
        return tensorflow.linalg.svd(x)[0]

    path = frozen(tensorflow, call, (1, 16, 16, 3), tmp_path / "net.pb")
    with pytest.raises(UnsupportedOperator, match=r"operations that cannot be translated \(.*Svd.*\): cut them off"):
        load_model(path)


@pytest.mark.parametrize("name", ["saved_model.pb", "variables.index", "variables.data-00000-of-00001"])
@pytest.mark.parametrize("share", [None, 0.0, 0.5])
def test_a_saved_model_that_is_not_whole(name: str, share: float | None, folder: Path) -> None:
    [file] = folder.rglob(name)
    if share is None:
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])
    assert refused(folder)


def test_a_saved_model_without_its_variables(folder: Path) -> None:
    for file in (folder / "variables").iterdir():
        file.unlink()
    assert refused(folder)


def test_variables_that_openvino_does_not_find_by_itself(tensorflow: Any, tmp_path: Path, compare: Any) -> None:
    """Enough layers that the string of their names is longer than 16383 bytes."""
    model = net(tensorflow, 40)
    path = saved_model(tensorflow, model, lambda x: {"map": model(x)}, (1, 16, 16, 3), tmp_path / "net")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    images = np.random.default_rng(0).random((1, 16, 16, 3)).astype(np.float32)
    compare(path, images, [np.asarray(model(images))])
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_suppression_inside_a_function(tensorflow: Any, tmp_path: Path, compare: Any) -> None:
    """Its outputs are told apart, and have their own names."""
    tf, rng = tensorflow, np.random.default_rng(0)
    corner = rng.uniform(0, 0.8, (1, 16, 1, 2)).astype(np.float32)
    boxes = tf.constant(np.concatenate([corner, corner + 0.3], axis=-1))

    def call(x: Any) -> Any:
        scores = tf.reshape(x[:, :4, :4, :], (1, 16, 3))
        found = tf.image.combined_non_max_suppression(boxes + 0 * tf.reduce_mean(x), scores, 5, 30, 0.4, 0.3)
        return dict(zip(("a_boxes", "b_scores", "c_classes", "d_count"), found, strict=True))

    path = saved_model(tensorflow, None, call, (1, 16, 16, 3), tmp_path / "nms")
    images = rng.random((1, 16, 16, 3)).astype(np.float32)
    imported = compare(path, images, [np.asarray(one) for _, one in sorted(call(images).items())])
    assert [value.name for value in imported.model.graph.outputs] == ["a_boxes", "b_scores", "c_classes", "d_count"]


def test_a_table_of_variables_is_written_as_it_was_read(folder: Path) -> None:
    entries = _read(folder / "variables" / "variables.index")
    assert [name for name, _ in entries][:2] == [b"", b"_CHECKPOINTABLE_OBJECT_GRAPH"]
    copy = folder / "copy.index"
    copy.write_bytes(_written(entries))
    assert _read(copy) == entries
