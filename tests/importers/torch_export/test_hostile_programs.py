"""What a hostile program may try: each is refused with a sentence, and nothing of it is run.

torch's own reader follows most of these.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bounds import watched
from programs import edited, nodes, repacked, small

from detquant.errors import DetquantError
from detquant.importers import load_model
from detquant.importers.torch_export import open_program

MARK = "came-here"


class Writes:
    """Unpickled, it writes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.path, "w"))


@pytest.fixture(scope="module")
def sound() -> bytes:
    return small()


def refused(content: bytes, folder: Path, match: str) -> None:
    path = folder / "a.pt2"
    path.write_bytes(content)
    load_torch_first()
    with watched(20, 400), pytest.raises(DetquantError, match=match) as error:
        load_model(path)
    assert str(error.value).startswith(f"'{path}' ") and "\n" not in str(error.value)
    assert not (folder / MARK).exists()


def load_torch_first() -> None:
    """What torch's modules do when they are imported is not the file's doing."""
    import detquant.importers.torch_export.to_onnx  # noqa: F401


def call(name: str, *texts: str) -> Callable[[dict[str, Any]], None]:
    """Puts an operator of this name in front of all others."""

    def edit(tree: dict[str, Any]) -> None:
        inputs = [{"name": "", "arg": {"as_string": text}, "kind": 1} for text in texts]
        nodes(tree).insert(0, {"target": name, "inputs": inputs, "outputs": [], "metadata": {}})

    return edit


@pytest.mark.parametrize(
    "name",
    [
        "torch.os.system",
        "torch.hub.load",
        "torch.load",
        "torch.serialization.pickle.loads",
        "torch.ops.load_library",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.ops.aten.mul.left_t",
        "torch.ops.aten.add.str",
        "torch.ops.aten.add.__init__",
        "torch.ops.aten.__class__.default",
        "torch.ops.higher_order.run_and_save_rng_state",
        "torch.ops.mine.evil.default",
        "_operator.pow",
        "_operator.attrgetter",
        "_operator.methodcaller",
        "_operator.lshift",
        "math.factorial",
        "builtins.eval",
        "#extension:evil",
    ],
)
def test_a_name_that_leads_elsewhere(name: str, sound: bytes, tmp_path: Path) -> None:
    refused(edited(sound, call(name, f"touch {tmp_path / MARK}")), tmp_path, "has the operator")


def test_sizes_that_are_expressions_are_not_evaluated(sound: bytes, tmp_path: Path) -> None:
    evil = {"as_expr": {"expr_str": f"__import__('os').system('touch {tmp_path / MARK}')", "hint": {"as_int": 8}}}

    def edit(tree: dict[str, Any]) -> None:
        metas = tree["graph_module"]["graph"]["tensor_values"]
        metas["image"]["sizes"][2] = evil
        tree["graph_module"]["graph"]["sym_int_values"]["s0"] = evil
        tree["guards_code"] = [evil["as_expr"]["expr_str"]]
        tree["range_constraints"][evil["as_expr"]["expr_str"]] = {"min_val": 0, "max_val": 9}

    path = tmp_path / "a.pt2"
    path.write_bytes(edited(sound, edit))
    assert load_model(path).model.graph.inputs[0].shape == (1, 3, 8, 8)
    assert not (tmp_path / MARK).exists()


def test_names_do_not_become_code(sound: bytes, tmp_path: Path) -> None:
    """torch makes a source text of a program, with the names of its values in it."""
    evil = f"x = open('{tmp_path / MARK}', 'w')  # "
    path = tmp_path / "a.pt2"

    def change(name: str, data: bytes) -> dict[str, bytes]:
        made = data.replace(b'"conv2d"', f'"{evil}"'.encode()) if name.endswith("model.json") else data
        return {name: made}

    path.write_bytes(repacked(sound, change))
    load_model(path)
    open_program(path)(torch.zeros(1, 3, 8, 8))
    assert not (tmp_path / MARK).exists()


def test_pickles_of_the_example_s_inputs_are_not_read(sound: bytes, tmp_path: Path) -> None:
    evil = pickle.dumps(Writes(str(tmp_path / MARK)))
    path = tmp_path / "a.pt2"
    path.write_bytes(repacked(sound, lambda name, data: {name: evil if "sample_inputs" in name else data}))
    load_model(path)
    assert not (tmp_path / MARK).exists()


def pickled(kind: str, entry: str) -> Callable[[dict[str, Any]], None]:
    def edit(tree: dict[str, Any]) -> None:
        first = next(iter(tree["config"].values()))
        first["use_pickle"], first["path_name"] = True, entry

    return edit


@pytest.mark.parametrize(
    ("kind", "entry"),
    [
        ("weights", "weight_0"),
        ("constants", "tensor_constant_0"),
        ("constants", "opaque_obj_0"),
        ("constants", "custom_obj_0"),
    ],
)
def test_tensors_that_are_pickles_of_objects(kind: str, entry: str, sound: bytes, tmp_path: Path) -> None:
    evil = pickle.dumps(Writes(str(tmp_path / MARK)))
    changed = edited(sound, pickled(kind, entry), f"model_{kind}_config.json")
    packed = io.BytesIO(changed)
    with zipfile.ZipFile(packed, "a") as archive:
        root = archive.namelist()[0].split("/")[0]
        if f"{root}/data/{kind}/{entry}" not in archive.namelist():
            archive.writestr(f"{root}/data/{kind}/{entry}", evil)
    refused(packed.getvalue(), tmp_path, "a pickle of an object, which is not followed")


def test_a_pickle_in_the_older_layout_is_followed_by_hand(sound: bytes, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(Writes(str(tmp_path / MARK)), protocol=2))
        archive.writestr("model/byteorder", "little")

    def change(name: str, data: bytes) -> dict[str, bytes]:
        if "/weights/" not in name:
            return {name: data}
        folder = name.rpartition("/")[0]
        return {f"{folder}/model.pt": packed.getvalue()} if name.endswith("config.json") else {}

    refused(repacked(sound, change), tmp_path, "asks for '.*open', which no checkpoint of a detector needs")


def test_machine_code_is_not_loaded(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/archive_format", "pt2")
        archive.writestr("a/data/aotinductor/model/model.so", b"\x7fELF")
    refused(packed.getvalue(), tmp_path, "compiled to machine code")


def test_entries_that_are_packed_or_there_twice(sound: bytes, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/models/model.json", b" " * (1 << 24))
    refused(packed.getvalue(), tmp_path, "compressed entry")
    twice = io.BytesIO(sound)
    with pytest.warns(UserWarning), zipfile.ZipFile(twice, "a") as archive:
        archive.writestr(next(name for name in archive.namelist() if name.endswith("model.json")), b"{}")
    refused(twice.getvalue(), tmp_path, "twice")


def test_a_tensor_that_reaches_beyond_its_bytes(sound: bytes, tmp_path: Path) -> None:
    def edit(tree: dict[str, Any]) -> None:
        tree["config"]["conv.weight"]["tensor_meta"]["sizes"][0] = {"as_int": 1 << 20}

    refused(edited(sound, edit, "model_weights_config.json"), tmp_path, "reaches outside its storage")


def test_numbers_beyond_any_tensor(sound: bytes, tmp_path: Path) -> None:
    def huge(tree: dict[str, Any]) -> None:
        tree["graph_module"]["graph"]["tensor_values"]["image"]["sizes"][2] = {"as_int": 1 << 36}

    def grown(tree: dict[str, Any]) -> None:
        node = next(node for node in nodes(tree) if "softmax" in node["target"])
        node["target"] = "torch.ops.aten.repeat.default"
        node["inputs"] = [node["inputs"][0], {"name": "repeats", "arg": {"as_ints": [1 << 15, 1 << 15]}, "kind": 1}]

    refused(edited(sound, huge), tmp_path, "more than any detector needs")
    refused(edited(sound, grown), tmp_path, "computes a tensor of .*, more than any detector needs")


def test_overlapping_tensors_do_not_fill_the_memory(sound: bytes, tmp_path: Path) -> None:
    def edit(tree: dict[str, Any]) -> None:
        tree["graph_module"]["signature"]["input_specs"] += [
            {"parameter": {"arg": {"name": f"more_{k}"}, "parameter_name": f"more_{k}"}} for k in range(64)
        ]

    def views(tree: dict[str, Any]) -> None:
        config = tree["config"]
        whole = config["conv.weight"]
        for k in range(64):
            meta = whole["tensor_meta"] | {
                "sizes": [{"as_int": 44}],
                "strides": [{"as_int": 1}],
                "storage_offset": {"as_int": k},
            }
            config[f"more_{k}"] = whole | {"tensor_meta": meta}

    both = edited(edited(sound, edit), views, "model_weights_config.json")
    refused(both, tmp_path, "its tensors overlap")


@pytest.mark.parametrize(
    "edit",
    [
        lambda tree: tree.clear(),
        lambda tree: tree.update(graph_module=[]),
        lambda tree: tree["schema_version"].update(major="8"),
        lambda tree: nodes(tree)[0].update(inputs=None),
        lambda tree: nodes(tree)[0].update(inputs=[]),
        lambda tree: nodes(tree)[0]["inputs"].append({"name": "mystery", "arg": {"as_int": 1}}),
        lambda tree: nodes(tree)[0]["inputs"].append({"name": "bias", "arg": {"as_custom_obj": {"name": "a"}}}),
        lambda tree: nodes(tree)[0].update(outputs=[{"as_tensor": {"name": "elsewhere"}}]),
        lambda tree: nodes(tree).reverse(),
        lambda tree: tree["graph_module"]["graph"].update(outputs=[]),
        lambda tree: tree["graph_module"]["signature"]["input_specs"].pop(0),
    ],
)
def test_damage_is_a_sentence(edit: Callable[[dict[str, Any]], None], sound: bytes, tmp_path: Path) -> None:
    refused(edited(sound, edit), tmp_path, ".")


def test_what_is_no_program(tmp_path: Path) -> None:
    refused(b"", tmp_path, "is empty")
    refused(b"\x89PNG", tmp_path, "another kind of file")
    packed = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, packed)
    refused(packed.getvalue(), tmp_path, "no program of torch.export")
