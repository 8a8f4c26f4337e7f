"""Whatever the bytes of a program of torch.export, there is a program or a sentence, and nothing of it was run."""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bounds import read
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import EDGES, mutated

from detquant.importers import load_model
from detquant.importers.torch_export import open_program

if not (find_spec("torch") and find_spec("onnxscript")):
    pytest.skip("the extra torch is not installed", allow_module_level=True)

sys.path.append(str(Path(__file__).parent.parent / "torch_export"))

from programs import repacked, small

JUNK = st.one_of(
    st.sampled_from(
        [
            *(None, True, -1, 1.5, "", "conv2d", "torch.ops.aten.add.Tensor", "torch.os.system", [], {}, [[]]),
            *({"as_none": True}, {"as_int": 1 << 62}, {"as_ints": [0, -1]}, {"as_tensor": {"name": "image"}}),
            *({"as_expr": {"expr_str": "s0"}}, {"as_expr": {"expr_str": "1/0", "hint": {"as_int": 1 << 40}}}),
            *({"as_string": "mean"}, {"as_scalar_type": 9}, {"as_graph": {}}, {"as_float": "NaN"}, {"buffer": {}}),
        ]
    ),
    st.sampled_from(EDGES),
    st.text(max_size=4),
)


@cache
def file() -> bytes:
    # what torch's modules do when they are imported is not a file's doing
    import detquant.importers.torch_export.to_onnx  # noqa: F401

    return small()


@st.composite
def changed(draw: st.DrawFn, tree: Any) -> Any:
    """The tree with something in it replaced, left out or doubled."""
    tree = json.loads(json.dumps(tree))
    if not tree:
        return draw(JUNK)
    place, key = None, None
    here = tree
    while isinstance(here, (dict, list)) and here and (place is None or draw(st.integers(0, 9))):
        place, key = here, draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        here = here[key]
    kind = draw(st.integers(0, 2))
    if kind == 0:
        place[key] = draw(JUNK)
    elif kind == 1:
        del place[key]
    elif isinstance(place, list):
        place.append(here)
    else:
        place[draw(st.sampled_from(["as_int", "name", "target", "image"]))] = here
    return tree


def altered(data: st.DataObject) -> bytes:
    """The file with its JSON texts changed here and there."""

    def change(name: str, content: bytes) -> dict[str, bytes]:
        if not name.endswith(".json"):
            return {name: content}
        tree = json.loads(content)
        for _ in range(data.draw(st.integers(0, 2))):
            tree = data.draw(changed(tree))
        return {name: json.dumps(tree).encode()}

    return repacked(file(), change)


@given(data=st.data())
def test_a_sound_file_whose_bytes_were_changed(data: st.DataObject, tmp_path) -> None:
    path = Path(tmp_path, "a.pt2")
    path.write_bytes(data.draw(mutated(file())))
    read(lambda: open_program(path), len(file()), factor=1000)


@given(data=st.data())
def test_a_sound_file_whose_graph_was_changed(data: st.DataObject, tmp_path) -> None:
    path = Path(tmp_path, "a.pt2")
    path.write_bytes(altered(data))
    read(lambda: open_program(path), len(file()), factor=1000)


@settings(max_examples=12)
@given(data=st.data())
def test_a_changed_graph_is_followed_or_refused(data: st.DataObject, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DETQUANT_CACHE", "")
    path = Path(tmp_path, "a.pt2")
    path.write_bytes(altered(data))
    with np.errstate(all="ignore"):
        follow(path)


def follow(path: Path) -> None:
    """Reads all of it; torch's exporter takes memory and calls of its own, which are not the file's."""
    from detquant.errors import DetquantError

    try:
        load_model(path)
    except DetquantError as error:
        assert str(error).isprintable() and len(str(error)) < 1200
