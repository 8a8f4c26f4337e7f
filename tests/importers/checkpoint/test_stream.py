from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detquant.errors import ModelError
from detquant.importers.checkpoint import parse_checkpoint

FILE = Path("model.th")
TREE = {"state_dict": {"module.a": np.arange(6, dtype=np.float32), "module.b": np.array([7, 8])}, "best_prec1": 91.5}


def refused(content: bytes) -> str:
    with pytest.raises(ModelError) as error:
        parse_checkpoint(FILE, content)
    return str(error.value)


def test_a_checkpoint_of_the_older_format(as_stream):
    tree = parse_checkpoint(FILE, as_stream(TREE))
    assert tree["best_prec1"] == 91.5
    assert tree["state_dict"]["module.a"].numpy().tolist() == [0, 1, 2, 3, 4, 5]
    assert tree["state_dict"]["module.b"].numpy().tolist() == [7, 8]


def test_it_is_refused_wherever_it_ends(as_stream):
    content = as_stream(TREE)
    for end in range(20, len(content) - 1, 5):
        assert "damaged" in refused(content[:end])


def test_other_protocols_keys_and_calls(as_stream):
    content = as_stream(TREE)
    assert "protocol or byte order" in refused(content.replace(b"little_endian", b"liddle_endian"))
    assert "protocol or byte order" in refused(content.replace(b"M\xe9\x03.", b"M\xe8\x03.", 1))
    assert "storages are not those" in refused(content.replace(b"X\x01\0\0\x001q", b"X\x01\0\0\x007q", 1))
    assert "os.system" in refused(content.replace(b"torch._utils\n_rebuild_tensor_v2", b"os\nsystem", 1))
