"""Places in a table in the file, codes in the kernel: the same numbers come out."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph import prepare
from detquant.graph.codebook_storage import in_places, with_codebook_storage, with_plain_codes
from detquant.graph.four_bit_storage import has_four_bits
from detquant.graph.qdq import insert_qdq
from detquant.graph.running import OrtRunner, as_bytes, optimised
from detquant.integer.model import IntegerModel
from detquant.numerics import QuantParams, QuantSpec, grid_from_range
from detquant.numerics.qtype import QType
from detquant.targets import load_target

IMAGE = QuantSpec(qtype=QType(8, False), symmetric=False)
CHANNELS = 64
BOOKS = (2, 3, 4, 5, 16)


@pytest.fixture
def clustered(build):
    """clustered(k): a QDQ graph of two convolutions that share one weight of so many different codes."""

    def make(k, channels=CHANNELS):
        rng = np.random.default_rng(k)
        book = np.sort(rng.choice(np.arange(-127, 128), k, replace=False))
        codes = book[rng.integers(0, k, (channels, channels, 1, 1))]
        scale = rng.uniform(0.001, 0.003, channels).astype(np.float32)
        weight = (codes * scale[:, None, None, None]).astype(np.float32)
        rows = [
            ("Conv", ["x", "w"], ["a"], {"name": "one"}),
            ("Conv", ["a", "w"], ["y"], {"name": "two"}),
        ]
        net = prepare(build(rows, {"x": [1, channels, 4, 4]}, {"y": None}, {"w": weight}))
        grid = QuantParams(QType(8), scale, np.zeros(channels, np.int64), 0)
        grids = {name: grid_from_range(-4, 4, IMAGE) for name in ("x", "a", "y")}
        return insert_qdq(net, activations=grids, weights={"one": grid, "two": grid}, nodes=["one", "two"])

    return make


def feed(channels=CHANNELS):
    return {"x": np.random.default_rng(1).normal(size=(1, channels, 4, 4)).astype(np.float32)}


def executed(model: ir.Model) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(optimised(model)).graph.node]


@pytest.mark.parametrize("k", BOOKS)
def test_the_runtime_has_the_same_operators_and_numbers(clustered, k):
    qdq = clustered(k)
    packed = with_codebook_storage(qdq)
    onnx.checker.check_model(ir.to_proto(packed), full_check=True)
    assert has_four_bits(packed) and not has_four_bits(qdq)
    assert executed(packed) == executed(qdq) and "QLinearConv" in executed(qdq)
    np.testing.assert_array_equal(OrtRunner(packed).run(feed())["y"], OrtRunner(qdq).run(feed())["y"])


@pytest.mark.parametrize(("k", "bits"), [(2, 1), (3, 2), (4, 2), (5, 4), (16, 4)])
def test_codes_take_the_bits_that_tell_them_apart(clustered, k, bits):
    qdq = clustered(k)
    saved = len(as_bytes(qdq)) - len(as_bytes(with_codebook_storage(qdq)))
    assert saved > 2 * CHANNELS**2 * (8 - bits) / 8 - 2 * 400  # two weights, each with a table


@pytest.mark.parametrize("k", BOOKS)
def test_the_file_is_read_back_as_it_was_made(clustered, k):
    """Through `prepare`, which any file goes through, and as whole numbers."""
    plain, packed = (ir.from_proto(onnx.load_from_string(as_bytes(m))) for m in (clustered(k), lowered(clustered(k))))
    back = prepare(packed)
    assert not has_four_bits(back) and "Gather" not in {node.op_type for node in back.graph}
    codes = [stored(model) for model in (prepare(plain), back)]
    for one, two in zip(*codes, strict=True):
        np.testing.assert_array_equal(one, two)
    runs = [IntegerModel(model).run(feed())["y"] for model in (prepare(plain), back)]
    np.testing.assert_array_equal(*runs)


def lowered(qdq: ir.Model) -> ir.Model:
    artefact = load_target("ort").lower(qdq)
    return ir.from_proto(onnx.load_from_string(next(iter(artefact.files.values()))))


def stored(model: ir.Model) -> list[np.ndarray]:
    weights = [v.const_value.numpy() for v in model.graph.initializers.values() if len(v.shape) == 4]
    assert weights and {w.dtype for w in weights} == {np.dtype(np.int8)}
    return weights


@pytest.fixture
def product(build):
    """product(book, takes, gives): a QDQ graph of one product with a matrix of codes from the book."""

    def make(book, takes, gives):
        weight = np.random.default_rng(0).choice(np.asarray(book), (takes, gives)).astype(np.float32)
        rows = [("MatMul", ["x", "w"], ["y"], {"name": "one"})]
        net = prepare(build(rows, {"x": [1, takes]}, {"y": None}, {"w": weight}))
        grid = QuantParams(QType(8), np.ones(gives, np.float32), np.zeros(gives, np.int64), 1)
        grids = {name: grid_from_range(-4, 4, IMAGE) for name in ("x", "y")}
        return insert_qdq(net, activations=grids, weights={"one": grid}, nodes=["one"])

    return make


def test_large_weights_are_read_back_too(product):
    """Their places as 32-bit numbers are more than `fold_constants` computes for such a file."""
    packed = with_codebook_storage(product([-100, 3], 1024, 2048))
    assert len(as_bytes(packed)) < 1024 * 2048 / 7
    back = prepare(packed)
    assert any(
        v.dtype == ir.DataType.INT8 and np.prod(v.shape.numpy()) == 1024 * 2048
        for v in back.graph.initializers.values()
    )


@pytest.mark.parametrize(("bits", "stored"), [(2, 2), (3, 4), (4, 4)])
def test_narrow_codes_are_in_tables_where_these_take_fewer_bits(product, bits, stored):
    qdq = product(range(-(1 << bits - 1), 1 << bits - 1), 128, 128)
    packed = lowered(qdq)
    assert has_four_bits(with_codebook_storage(qdq)) == (stored < 4) and has_four_bits(packed)
    assert 0 < len(as_bytes(packed)) - 128**2 * stored / 8 < 2048
    given = {"x": np.random.default_rng(1).normal(size=(1, 128)).astype(np.float32)}
    np.testing.assert_array_equal(OrtRunner(packed).run(given)["y"], OrtRunner(qdq).run(given)["y"])


@pytest.mark.parametrize(("k", "channels"), [(17, 64), (16, 8)])
def test_many_codes_and_small_constants_stay(clustered, k, channels):
    assert as_bytes(with_codebook_storage(clustered(k, channels))) == as_bytes(clustered(k, channels))


def test_a_table_that_is_too_short_is_left_to_the_runtime(clustered):
    """A damaged file: what is beyond the table is not looked up."""
    packed = with_codebook_storage(clustered(16))
    for value in packed.graph.initializers.values():
        if (value.name or "").startswith("table"):
            value.const_value = ir.Tensor(value.const_value.numpy()[:3], name=value.name)
            value.shape = ir.Shape([3])
    assert "Gather" in {node.op_type for node in with_plain_codes(packed).graph}


@pytest.mark.parametrize("shape", [(7, 3), (6, 5), (5,)])
def test_an_odd_number_of_codes(shape):
    rng = np.random.default_rng(0)
    codes = rng.choice(np.array([-9, 2, 77], np.int8), shape)
    places, table = in_places(codes)
    np.testing.assert_array_equal(table[places].reshape(shape), codes)
    assert places.max() < 16
