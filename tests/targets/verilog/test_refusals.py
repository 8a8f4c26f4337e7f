"""What the engine has no instruction for is named, with what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from heads import case
from nets import Net

from detquant.errors import OptionError, TargetError, UnsupportedOperator
from detquant.graph.window import Window
from detquant.integer.operators import Blend, Mean
from detquant.numerics.multipliers import multipliers
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.memories.streams import memories
from detquant.targets.verilog.proof.simulators import Icarus, Verilator
from detquant.targets.verilog.proof.verify import verify

SMALL = Array(icp=4, ocp=4, lanes=2)


def transposed_convolution():
    net = Net((1, 3, 4, 4))
    net.conv("image", 4)
    net.operators[-1] = replace(net.operators[-1], stuffing=(2, 2))
    return net


def wide_weights():
    net = Net((1, 3, 4, 4))
    net.conv("image", 4, weight_bits=10)
    return net


def blended(near):
    """Enlarged twice by weights of the distance of two pixels: ``near(distance)``, at places of aligned corners."""
    net = Net((1, 3, 4, 4))
    distances = np.linspace(0, 3, 8)[:, None] - np.arange(4)
    weights = np.round(1024 * near(np.abs(distances))).astype(np.int32)
    weights[np.arange(8), weights.argmax(axis=1)] += 1024 - weights.sum(axis=1)
    facts = {"multiplier": multipliers(0.5**20), "zero_in": 0, "zero_out": 0}
    net.give(Blend, ["image"], (1, 3, 8, 8), rows=weights, columns=weights, **facts)
    return net


def corners_aligned():
    return blended(lambda d: np.maximum(1 - d, 0))


def cubic():
    return blended(lambda d: np.where(d < 1, 1.25 * d**3 - 2.25 * d**2 + 1, 0))


def blended_by_three():
    net = Net((1, 3, 4, 4))
    net.blend("image", (12, 8))
    return net


def blended_to_a_grid_far_finer():
    net = Net((1, 3, 4, 4))
    net.blend("image", (8, 8), bits=10, gain=2.0**30)
    return net


def transposed():
    net = Net((1, 4, 4, 4))
    net.conv(net.move("image", lambda a: a.transpose(0, 2, 3, 1), "Transpose"), 3)
    return net


def enlarged_by_three():
    net = Net((1, 4, 4, 4))
    net.conv(net.move("image", lambda a: a.repeat(3, axis=2).repeat(3, axis=3), "Resize"), 3)
    return net


def uneven_means():
    net = Net((1, 4, 4, 4))
    window = Window((2, 2), (2, 2), (1, 1), ((1, 1), (1, 1)))
    facts = {"window": window, "zero_in": 0, "zero_out": 0, "multiplier": multipliers(np.full((3, 3), 0.2))}
    net.give(Mean, ["image"], (1, 4, 3, 3), **facts)
    return net


def sixteen_bits():
    net = Net((1, 4, 4, 4))
    net.conv("image", 3, grid=net.grid(16, True))
    return net


def rows_beside_rows():
    net = Net((1, 4, 4, 4), one_grid=True)
    net.conv(net.concat_along(2, net.conv("image", 4), "image"), 3)
    return net


def tables_of_channels():
    net = Net((1, 4, 4, 4))
    net.table(net.conv("image", 3))
    one = net.operators[-1]
    net.operators[-1] = replace(one, entries=np.stack([one.entries] * 3), axis=1)
    return net


REFUSED = {
    transposed_convolution: "Convolution 'n_t0' has no instruction.*a transposed convolution",
    wide_weights: "reach from -4.. to 4.*quantise weights symmetrically, in 2 to 8 bits",
    corners_aligned: "Blend 'n_t0' has no instruction.*4x4 to 8x8.*'half_pixel' or 'asymmetric'.*'nearest'.*Let it run",
    cubic: "it mixes pixels of 4x4 to 8x8",
    blended_by_three: "it mixes pixels of 4x4 to 12x8",
    blended_to_a_grid_far_finer: "a step of what it reads is too many steps of what it gives",
    transposed: "it reads 't0' of shape .*in an order that",
    enlarged_by_three: "it reads 't0' of shape .*in an order that",
    uneven_means: "windows at its border hold fewer pixels; let padding count",
    sixteen_bits: "it gives codes of 16 bits, and the engine has 8",
    tables_of_channels: "Table 'n_t1' has no instruction.*train with LeakyReLU",
    rows_beside_rows: r"it joins along axis 2 of \[1, 4, 8, 4\]",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_instruction_is_named(case):
    with pytest.raises(UnsupportedOperator, match=REFUSED[case]):
        lower(case().graph(), SMALL)


def test_what_moves_codes_behind_the_last_instruction_is_the_hosts():
    net = Net((1, 4, 3, 3))
    net.move(net.conv("image", 3), lambda a: a.transpose(0, 2, 3, 1).reshape(1, 9, 3), "Transpose")
    program = lower(net.graph(), SMALL)
    assert program.host == ("n_t1",) and list(program.heads) == ["t0"]


def test_a_head_that_is_not_in_hardware_is_refused():
    made, other = case(), Net((1, 4, 3, 3))
    wide = replace(made.head, scores=replace(made.head.scores, bits=16))
    with pytest.raises(
        UnsupportedOperator, match="class logits have 16 bits, and the head in hardware reads 8: choose"
    ):
        lower(made.graph, SMALL, head=wide)
    many = replace(made.head, layout=replace(made.head.layout, classes=40000))
    with pytest.raises(UnsupportedOperator, match="has 40000 classes, and the head in hardware counts 32768"):
        lower(made.graph, SMALL, head=many)
    other.conv("image", 3)
    with pytest.raises(TargetError, match=r"reads 't1', which the network does not give \(it gives t0\)"):
        lower(other.graph(), SMALL, head=made.head)


def test_sizes_without_room_in_a_descriptor_are_refused():
    net = Net((1, 1, 300, 1))
    net.mean("image")
    with pytest.raises(TargetError, match=r"Mean 'n_t0' has no room .*kernel height is 300, and 0 to 255"):
        memories(lower(net.graph(), SMALL))


def test_maps_beyond_the_width_of_addresses_are_refused():
    net = Net((1, 1, 60000, 60000))
    net.conv("image", 1)
    with pytest.raises(TargetError, match=r"maps take 7200000000 words .* addresses 4294967296 \(32 bits\): .*smaller"):
        lower(net.graph(), SMALL)


@pytest.mark.parametrize("sizes", [{"icp": 3}, {"ocp": 0}, {"ocp": 128}, {"icp": 4, "lanes": 8}])
def test_arrays_that_cannot_be_are_refused(sizes):
    with pytest.raises(OptionError, match=r"power of two|lanes of requantisation"):
        Array(**sizes)


@pytest.mark.parametrize("simulator", [Icarus, Verilator])
def test_a_missing_simulator_is_a_sentence_with_the_command(simulator, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match=f"is not installed .*apt-get install {simulator.package.split()[0]}"):
        simulator().build([], tmp_path)


@pytest.fixture
def exported(tmp_path):
    net = Net((1, 1, 1, 1))
    net.conv("image", 1)
    for path, content in hardware_files(lower(net.graph(), SMALL), net.graph(), net.images()).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def test_a_folder_that_was_changed_is_refused(exported):
    path = exported / "mem/desc.mem"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(TargetError, match=r"desc\.mem' is not the file that was exported"):
        verify(exported)
    path.unlink()
    with pytest.raises(TargetError, match=r"desc\.mem' is missing"):
        verify(exported)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{", "no manifest.json that can be read"), (b"[]", "another version"), (b'{"format": 0}', "another version")],
)
def test_a_folder_without_its_manifest_is_refused(exported, content, said):
    (exported / "manifest.json").write_bytes(content)
    with pytest.raises(TargetError, match=said):
        verify(exported)


def test_words_of_verify_are_checked(exported):
    with pytest.raises(TargetError, match="did you mean 'icarus'"):
        verify(exported, "icaros")
    with pytest.raises(TargetError, match="expected 0 to 99"):
        verify(exported, stall=100)
