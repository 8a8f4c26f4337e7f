"""Whatever a file says about itself, in each target's files it is still there, and detquant reads it back."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.importers import load_model
from detquant.targets import Artefact, load_target

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

NEEDS = {"openvino": "openvino", "tflite": "ai_edge_litert", "ort": None, "opencv": None}
EXPORT = Path(__file__).resolve().parents[3] / "shared/assets/weights/more/nudenet_320n.onnx"
FEED = {"x": np.random.default_rng(0).random((1, 3, 8, 8), np.float32)}

# Names that mean something to a container or to another reader, and forms that one may trip over.
NAMES = (
    *("version", "framework", "conversion_parameters", "Runtime_version", "OpenVINO Runtime", "model_info", "rt_info"),
    *("optimization", "legacy_frontend", "is_new_api", "__weights_path", "info", "name", "value", "names", "imgsz"),
    *("detquant", "detquant.", "detquant.family", "detquant.metadata", "detquant.family.x", "detquant.Ünicode"),
    *("", ".", "..", ".a", "a.", "a.b", "a", "a..b", "a b", " a ", "1a", "-", "a:b", "xml", "xmlns:a", "<&>\"'", "]]>"),
    *("a\nb", "\t", "\x00", "a\x00b", "\x01", "\x7f\x85", "\ufffe\uffff", "\u2028", "é漢🎈", "x" * 70_000),
)
texts = st.one_of(st.sampled_from(NAMES), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
maps = st.dictionaries(texts, texts, max_size=8)
EXAMPLES = {"version": "8.2.46", "a": "1", "a.b": "2", "": "", "\x00": "\x00", "detquant.metadata": "{", "\x01": "["}


def opened(target: str, model: ir.Model) -> dict[str, str]:
    """The metadata that comes back from a target's files, which are opened and run too."""
    place = load_target(target)
    artefact = place.lower(model)
    [found] = place.open(artefact).run(FEED).values()
    [expected] = OrtRunner(model).run(FEED).values()
    assert np.allclose(found, expected, atol=1e-6)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in artefact.files.items():
            Path(folder, name).write_bytes(content)
            if name.endswith(".xml"):
                ElementTree.fromstring(content)  # other readers of XML are stricter than OpenVINO's
        return dict(load_model(Path(folder, next(iter(artefact.files)))).metadata)


@pytest.mark.parametrize("target", NEEDS)
@hypothesis.settings(deadline=None, derandomize=True, database=None, max_examples=25)
@hypothesis.given(metadata=maps)
@hypothesis.example(metadata=EXAMPLES)
@hypothesis.example(metadata={name: "x" for name in NAMES})
def test_any_metadata_goes_through_a_targets_files(target: str, metadata: dict[str, str]) -> None:
    if NEEDS[target] and not find_spec(NEEDS[target]):
        pytest.skip(f"{NEEDS[target]} is not installed")
    model = relu()
    model.metadata_props.update(metadata)
    assert opened(target, model) == metadata


def test_in_pytorchs_program_too() -> None:
    torch = pytest.importorskip("torch")
    model = relu()
    model.metadata_props.update(EXAMPLES)
    facts = {"detquant.json": ""}
    torch.export.load(io.BytesIO(load_target("pytorch").lower(model).files["model.pt2"]), extra_files=facts)
    assert json.loads(facts["detquant.json"])["metadata"] == EXAMPLES


def test_in_the_archive_for_oak_cameras_too(square_proto) -> None:
    model = prepare(ir.from_proto(square_proto))
    model.metadata_props.update({**EXAMPLES, "detquant.family": "yolov8"})
    files = load_target("oak").lower(model).files
    with tarfile.open(fileobj=io.BytesIO(files["model.tar.xz"])) as archive:
        packed = archive.extractfile("model.onnx").read()
    assert packed == files["model.onnx"]
    held = {entry.key: entry.value for entry in onnx.load_from_string(packed).metadata_props}
    assert held.items() >= EXAMPLES.items()


def test_what_belongs_to_detquant_is_at_the_top_of_an_ir_and_nothing_else() -> None:
    openvino = pytest.importorskip("openvino")
    model = relu()
    model.metadata_props.update(
        {"version": "8", "names": "{0: 'cat'}", "detquant.family": "yolov8", "detquant.a.b": "1"}
    )
    files = load_target("openvino").lower(model).files
    tree = ElementTree.fromstring(files["model.xml"]).find("rt_info")
    assert [(at.tag, at.get("value")) for at in tree.find("detquant")] == [("family", "yolov8")]
    assert {at.get("name") or at.tag for at in tree} == {"OpenVINO Runtime", "detquant", "framework"}
    read = openvino.Core().read_model(files["model.xml"].decode(), openvino.Tensor(np.zeros(0, np.uint8)))
    assert read.get_rt_info(["framework", "names"]).astype(str) == "{0: 'cat'}"


@pytest.mark.skipif(not EXPORT.is_file(), reason="the trained detector is not beside the checkout")
def test_a_genuine_export_of_ultralytics_is_written_for_openvino() -> None:
    pytest.importorskip("openvino")
    imported = load_model(EXPORT)
    model = prepare(imported.model, 64)
    place = load_target("openvino")
    artefact = place.lower_float(model, "fp32")
    feed = {"images": np.zeros((1, 3, 64, 64), np.float32)}
    assert np.allclose(place.open(artefact).run(feed)["output0"], OrtRunner(model).run(feed)["output0"], atol=1e-3)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in artefact.files.items():
            Path(folder, name).write_bytes(content)
        assert load_model(Path(folder, "model.xml")).metadata == imported.metadata and imported.metadata["version"]


def relu() -> ir.Model:
    text = """
        <ir_version: 8, opset_import: ["" : 17]>
        g (float[1,3,8,8] x) => (float[1,3,8,8] y) { y = Relu (x) }
    """
    return ir.from_onnx_text(text)


@pytest.mark.parametrize("target", ["ort", "ort-qoperator", "opencv", "tensorrt", "openvino"])
def test_an_entry_that_is_written_afterwards_is_read_back_and_nothing_else_is_changed(target: str) -> None:
    if target == "openvino" and not find_spec("openvino"):
        pytest.skip("the extra openvino is not installed")
    model, place = relu(), load_target(target)
    model.metadata_props.update({"detquant.family": "yolov8", "a": "1"})
    before = place.lower(model)
    after = place.with_metadata(before, {"detquant.confidence": "0.2173", "detquant.family": "yolox"})
    assert list(after.files) == list(before.files)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in after.files.items():
            Path(folder, name).write_bytes(content)
        found = load_model(Path(folder, next(iter(after.files)))).metadata
    assert found == {"detquant.family": "yolox", "a": "1", "detquant.confidence": "0.2173"}
    again = place.with_metadata(after, {"detquant.confidence": "0.2173"})
    assert again.files == after.files  # the same entries, the same bytes
    assert place.with_metadata(before, {"detquant.family": "yolov8"}).files == before.files
    if target != "tensorrt":
        assert all(
            np.array_equal(place.open(before).run(FEED)[name], array)
            for name, array in place.open(after).run(FEED).items()
        )


def test_where_a_format_has_no_room_for_it_the_files_are_as_they_were() -> None:
    place = load_target("oak")
    artefact = Artefact({"model.onnx": b"x"})
    assert place.with_metadata(artefact, {"a": "b"}) is artefact
