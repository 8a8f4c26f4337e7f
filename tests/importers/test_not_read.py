from __future__ import annotations

from pathlib import Path

import pytest

from detquant.errors import ModelError
from detquant.importers import load_model
from detquant.importers.not_read import KINDS


@pytest.mark.parametrize("end", KINDS)
def test_a_file_of_another_runtime_is_named_with_what_to_give_instead(end: str, tmp_path: Path) -> None:
    path = tmp_path / f"Model{end}"
    path.write_bytes(b"PK\x03\x04 something")
    kind, instead = KINDS[end]
    with pytest.raises(ModelError) as error:
        load_model(path)
    assert str(error.value) == f"'{path}' is {kind}, which detquant does not read: give {instead}."


def test_weights_of_an_ir_are_named_with_its_graph(tmp_path: Path) -> None:
    path = tmp_path / "net.bin"
    path.write_bytes(b"weights")
    path.with_suffix(".xml").write_text("<net/>")
    with pytest.raises(ModelError, match=r"weights of the OpenVINO model 'net\.xml' beside it: give that"):
        load_model(path)


def test_a_state_dict_is_told_from_that_of_a_program(tmp_path: Path) -> None:
    path = tmp_path / "state_dict.pth"
    path.write_bytes(b"PK\x03\x04 something")
    (tmp_path / "model.pt2").write_bytes(b"PK\x03\x04 something")
    with pytest.raises(ModelError, match=r"the state of the program 'model\.pt2' beside it.*: give 'model\.pt2'"):
        load_model(path)
    (tmp_path / "model.pt2").unlink()
    with pytest.raises(ModelError, match="truncated or damaged"):
        load_model(path)
