from __future__ import annotations

import time

import numpy as np
import pytest

from detquant.importers.checkpoint import Record, Storage, StoredTensor
from detquant.importers.checkpoint._base import Flaw
from detquant.importers.checkpoint.modules import find_state_dict, walk


def tensor(*shape: int) -> StoredTensor:
    array = np.zeros(shape, np.float32)
    storage = Storage("0", "<f4", array.size, memoryview(array.tobytes()))
    return StoredTensor(storage, 0, shape, tuple(step // 4 for step in array.strides))


def module(kind: str = "Module", **tables: dict) -> Record:
    return Record(f"torch.nn.modules.{kind}", (), {f"_{name}": table for name, table in tables.items()})


def test_names_are_those_of_the_state_dict():
    conv = module("Conv2d", parameters={"weight": tensor(2, 3), "bias": None}, buffers={})
    norm = module("BatchNorm2d", buffers={"running_mean": tensor(2)})
    root = module(modules={"model": module(modules={"0": conv, "1": norm, "2": None}), "act": module("SiLU")})
    found = dict(walk(root))
    assert found[""] is root
    assert {name for name, member in found.items() if isinstance(member, StoredTensor)} == {
        "model.0.weight",
        "model.1.running_mean",
    }
    assert {member.kind for member in found.values() if isinstance(member, Record)} == {
        *("Module", "Conv2d", "BatchNorm2d", "SiLU")
    }


def test_a_module_that_holds_itself_has_an_end():
    root = module(modules={})
    root.state["_modules"]["self"] = root
    with pytest.raises(Flaw, match="nested without end"):
        list(walk(root))


@pytest.mark.parametrize("width", [2, 3000])
def test_modules_shared_in_ever_more_places_have_an_end(width):
    inner = module("Conv2d", parameters={"weight": tensor(1)})
    for _ in range(30):
        inner = module(modules={str(key): inner for key in range(width)})
    begun = time.monotonic()
    with pytest.raises(Flaw, match="too many"):
        list(walk(inner))
    assert time.monotonic() - begun < 10


def test_what_is_no_table_is_passed_over():
    assert len(list(walk(module(modules=[1], parameters={1: 2}, buffers={"a": "text"})))) == 1


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model", "ema"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_state_dicts_are_found(wrapper, prefix):
    inner = {f"{prefix}a.weight": tensor(2), f"{prefix}b.weight": tensor(3)}
    found = find_state_dict({wrapper: inner, "epoch": 3} if wrapper else inner)
    assert {name: held.shape for name, held in found.items()} == {"a.weight": (2,), "b.weight": (3,)}


def test_a_name_that_is_really_module_stays():
    assert set(find_state_dict({"module.a": tensor(1), "b": tensor(1)})) == {"module.a", "b"}


@pytest.mark.parametrize("tree", [None, [], {}, {"state_dict": {}}, {"a": 1}, {"model": module()}, {"model": {"a": 1}}])
def test_what_has_no_state_dict(tree):
    assert find_state_dict(tree) is None
