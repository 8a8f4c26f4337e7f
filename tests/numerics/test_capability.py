from __future__ import annotations

import pytest

from detquant.numerics import INT8, UINT8, Kernel, PerAxis, PerTensor, QType, QuantSpec, eight_bits

BY_CHANNEL = PerAxis(0)


def weight(bits: int = 8, granularity=BY_CHANNEL) -> QuantSpec:
    return QuantSpec(qtype=QType(bits), granularity=granularity)


def activation(bits: int) -> QuantSpec:
    return QuantSpec(qtype=QType(bits, signed=False), symmetric=False)


@pytest.mark.parametrize("bits", range(2, 9))
def test_an_eight_bit_kernel_multiplies_narrower_weights_too(bits):
    assert Kernel().unsupported(weight(bits), activation(8)) is None


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ((weight(9), activation(8)), "weights of 9 bits, and its kernels take 2 to 8"),
        ((weight(8), activation(4)), "activations of 4 bits, and its kernels take 8"),
        ((None, activation(16)), "activations of 16 bits, and its kernels take 8"),
    ],
)
def test_what_it_lacks_is_said(wishes, expected):
    assert Kernel().unsupported(*wishes) == expected


def test_granularity_counts():
    whole = Kernel(granularities=frozenset({PerTensor}))
    assert (
        whole.unsupported(weight(), activation(8))
        == "weights on grids per axis 0, and its kernels take grids per tensor"
    )
    assert whole.unsupported(weight(granularity=PerTensor()), activation(8)) is None


def test_a_float_side_asks_for_nothing():
    assert Kernel(weight_bits=frozenset({4, 8})).unsupported(None, None) is None
    assert (
        Kernel(weight_bits=frozenset({4, 8})).unsupported(weight(5), None)
        == "weights of 5 bits, and its kernels take 4 and 8"
    )


def test_the_usual_kernel_for_several_operators():
    assert eight_bits(["Conv", "Add"]) == {"Conv": Kernel(), "Add": Kernel()}
    assert Kernel().unsupported(QuantSpec(qtype=INT8), QuantSpec(qtype=UINT8, symmetric=False)) is None
