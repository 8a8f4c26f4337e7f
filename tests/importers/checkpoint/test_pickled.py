from __future__ import annotations

import builtins
import os
import pickle
import subprocess
import time
import tracemalloc
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.importers import load_model
from detquant.importers.checkpoint import Record, StoredTensor, parse_checkpoint
from detquant.importers.checkpoint.pickled import MAX_INSTRUCTIONS

FILE = Path("model.pt")


def refused(content: bytes) -> str:
    with pytest.raises(ModelError) as error:
        parse_checkpoint(FILE, content)
    sentence = str(error.value)
    assert "\n" not in sentence and FILE.name in sentence and len(sentence) < 400
    return sentence


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *args) -> None:
        self.call = function, args

    def __reduce__(self):
        return self.call


def attacks(trap: Path) -> dict[str, object]:
    command = f"touch '{trap}'"
    code = f"open({str(trap)!r}, 'w')"
    return {
        "posix.system": Calls(os.system, command),
        "subprocess.Popen": Calls(subprocess.Popen, ["touch", str(trap)]),
        "builtin__.exec": Calls(builtins.exec, code),
        "builtin__.eval": Calls(builtins.eval, code),
        "builtin__.getattr": Calls(Calls(getattr, os, "system") and getattr, Record, "__init__"),
        "_pickle.loads": Calls(pickle.loads, pickle.dumps(Calls(os.system, command))),
        "functools.reduce": Calls(reduce, os.system, [command]),
        "io.open": Calls(open, str(trap), "w"),
    }


@pytest.mark.parametrize("name", attacks(Path("trap")))
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_is_not_in_the_vocabulary_is_named_and_never_run(name, protocol, trap, zip_of):
    try:
        written = pickle.dumps({"model": attacks(trap)[name]}, protocol=protocol)
    except (TypeError, pickle.PicklingError):  # a module has no pickle, its attribute has
        written = b"\x80\x02c__builtin__\ngetattr\n."
    content = zip_of(written)
    sentence = refused(content)
    assert "which no checkpoint of a detector needs" in sentence
    assert name.removeprefix("_").rpartition(".")[2] in sentence
    assert not trap.exists()


@pytest.mark.parametrize(
    "written",
    [
        b"(S'touch trap'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nX\x04\0\0\0trapo.",  # OBJ
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x02\x83\x01\x01.",
        b"\x80\x02cultralytics.x\nA\n)}\x92.",  # NEWOBJ_EX
        b"P0\n.",  # a persistent id as text
        b"\x80\x02]2.",  # DUP
        b"\x80\x05\x96\x00\x00\x00\x00\x00\x00\x00\x00.",  # BYTEARRAY8
    ],
)
def test_instructions_that_torch_does_not_write(written, zip_of):
    sentence = refused(zip_of(written))
    assert "which torch does not write" in sentence or "os.system" in sentence


@pytest.mark.parametrize(
    "written",
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n}X\x01\0\0\0aNsb.",
        b"ccollections\nOrderedDict\n}X\x01\0\0\0aNsb.",
        b"ctorch\nFloatStorage\nN}X\x0c\0\0\0__defaults__Ns\x86b.",
        b"]}b.",
        b"X\x01\0\0\0a}b.",
    ],
)
def test_attributes_are_set_of_records_only(written, zip_of):
    assert "sets attributes of" in refused(zip_of(b"\x80\x02" + written))


def test_a_record_keeps_its_state_and_runs_nothing_of_its_name(zip_of):
    dangerous = b"X\x0c\0\0\0__setstate__cultralytics.x\nB\nX\x09\0\0\0__class__N"
    tree = parse_checkpoint(FILE, zip_of(b"\x80\x02cultralytics.x\nA\n(X\x01\0\0\0atR}(" + dangerous + b"ub."))
    assert isinstance(tree, Record)
    assert (tree.name, tree.kind, tree.args) == ("ultralytics.x.A", "A", ("a",))
    assert set(tree.state) == {"__setstate__", "__class__"}
    assert type(tree) is Record


def test_paths_sets_and_numpy_scalars_are_plain(zip_of):
    values = {"path": Path("runs/train"), "set": {"a"}, "score": np.float64(0.5), "array": np.zeros(2)}
    tree = parse_checkpoint(FILE, zip_of(pickle.dumps(values, protocol=2)))
    assert tree["path"] == "runs/train" and tree["set"] == ["a"]
    assert [tree[name].kind for name in ("score", "array")] == ["scalar", "_reconstruct"]


@pytest.mark.parametrize(
    "reference",
    [
        b"(X\x07\0\0\0storageX\x05\0\0\0torchX\x01\0\0\x000X\x03\0\0\0cpuK\x01t",  # a class that is text
        b"(X\x07\0\0\0storagecultralytics.x\nA\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01t",
        b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuJ\xff\xff\xff\xfft",  # -1 numbers
        b"(X\x06\0\0\0moduleX\x01\0\0\0ot",
        b"(X\x01\0\0\0aQtQ",  # one inside another
        b"N",
    ],
)
def test_persistent_ids_that_are_no_storage(reference, zip_of):
    assert "refers to a storage in a way that torch does not" in refused(zip_of(b"\x80\x02" + reference + b"Q."))


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (3, 4)},
        {"offset": 1},
        {"strides": (100, 1)},
        {"strides": (-1, 1)},
        {"offset": -1},
        {"shape": (2**62, 2**62)},
        {"shape": (2**200,) * 8, "strides": (0,) * 8},
        {"shape": (10**9, 1), "strides": (0, 0)},
        {"shape": (1,) * 60, "strides": (1,) * 60},
        {"shape": (2, "3")},
        {"shape": [2, 3]},
        {"strides": None},
    ],
)
def test_tensors_outside_their_storage(changes, writer, zip_of):
    tensor = writer.tensor(np.zeros((2, 3), np.float32), **changes)
    assert "tensor" in refused(zip_of(b"\x80\x02" + tensor + b".", writer.storages))


def test_a_storage_of_another_size_than_its_tensor_says(writer, zip_of):
    tensor = writer.tensor(np.zeros(6, np.float32), numel=7)
    assert "has 24 bytes where 7 × 4" in refused(zip_of(b"\x80\x02" + tensor + b".", writer.storages))
    assert "storage '0' is missing" in refused(zip_of(b"\x80\x02" + tensor + b"."))


def test_views_are_read_through_their_strides(writer, zip_of):
    base = np.arange(12, dtype=np.float32)
    tensor = writer.tensor(base, offset=1, shape=(3, 2), strides=(1, 4))
    tree = parse_checkpoint(FILE, zip_of(b"\x80\x02" + tensor + b".", writer.storages))
    assert isinstance(tree, StoredTensor)
    assert tree.numpy().tolist() == [[1, 5], [2, 6], [3, 7]]


def test_bfloat16_is_read_as_float32(writer, zip_of):
    bits = np.array([0x3F80, 0xC040, 0x0000], "<u2")
    written = writer.tensor(np.zeros(3, np.float16)).replace(b"HalfStorage", b"BFloat16Storage")
    tree = parse_checkpoint(FILE, zip_of(b"\x80\x02" + written + b".", [bits]))
    assert tree.numpy().tolist() == [1.0, -3.0, 0.0]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"0.", "POP"),
        (b"N" * (MAX_INSTRUCTIONS + 1) + b".", "more than 1000000 pickle instructions"),
        # a list of many, copied many times
        (b"](" + b"N" * 50_000 + b"eq\0" + b"c__builtin__\nset\nh\0\x85R" * 1000 + b".", "pickle instructions"),
        # a call of many values, many times
        (b"(" + b"N" * 50_000 + b"tq\0" + b"cpathlib\nPath\nh\0R" * 1000 + b".", "pickle instructions"),
        (b"}(]]u.", "key of type list"),
        # what makes Python's own Unpickler take all memory, end the process or go on for hours: see `pickled`
        (b"Nr\xff\xff\xff\x1fh\0.", "damaged"),
        (b"})" + b"\x85" * 300_000 + b"Ns.", "key of type tuple"),
        (b"}(G?\xf0\0\0\0\0\0\0Nu.", "key of type float"),
        (b"}(\x8a\x09" + b"\x01" * 9 + b"Nu.", "key of type int"),
        (b"NNR.", "calls something that is not a class"),
        (b"ctorch\nFloatStorage\n)R.", "calls 'torch.FloatStorage'"),
        (b"cultralytics.x\n" + b"A" * 300 + b"\n.", "names"),
        (b"N]e.", "damaged"),
        (b"Ne.", "damaged"),
        (b"h\x07.", "damaged"),
        (b"t.", "damaged"),
        (b"X\xff\xff\xff\x7fabc.", "damaged"),
        (b"\xff.", "damaged"),
        (b"", "damaged"),
    ],
)
def test_pickles_that_are_damaged_or_without_end(written, words, zip_of):
    assert words in refused(zip_of(b"\x80\x02" + written))


def test_deep_nesting_and_shared_parts_need_no_recursion(zip_of):
    deep = parse_checkpoint(FILE, zip_of(b"\x80\x02" + b")" + b"\x85" * 300_000 + b"."))
    assert isinstance(deep, tuple)
    del deep
    # each list holds the one before twice: 2^60 leaves, and nothing walks them
    laughs = b"]q\0" + b"](h\0h\0eq\0" * 60
    parse_checkpoint(FILE, zip_of(b"\x80\x02" + laughs + b"."))
    twice = b")q\0" + b"h\0h\0\x86q\0" * 60
    parse_checkpoint(FILE, zip_of(b"\x80\x04\x8f(" + twice + b"\x90."))  # in a set, which would hash them


def test_a_hostile_pickle_ends_soon_and_stays_small(zip_of):
    tracemalloc.start()
    begun = time.monotonic()
    refused(zip_of(b"\x80\x02" + b"}" * 900_000 + b"cos\nsystem\n."))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300e6
    assert time.monotonic() - begun < 60


def test_load_model_refuses_too(tmp_path, trap, zip_of):
    for package in ("", "ultralytics.nn"):
        path = tmp_path / "model.pt"
        path.write_bytes(zip_of(pickle.dumps([package, Calls(os.system, f"touch '{trap}'")], protocol=2)))
        with pytest.raises(ModelError, match=r"system'.*refused"):
            load_model(path)
    assert not trap.exists()
