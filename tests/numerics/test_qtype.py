from __future__ import annotations

import pytest

from detquant.errors import RecipeError
from detquant.numerics import INT8, INT32, UINT8, PerAxis, PerTensor, QType, QuantSpec


@pytest.mark.parametrize(
    ("text", "qmin", "qmax"),
    [
        ("int8", -128, 127),
        ("uint8", 0, 255),
        ("int4", -8, 7),
        ("uint2", 0, 3),
        ("int32", -(2**31), 2**31 - 1),
    ],
)
def test_a_name_becomes_a_type_and_a_name_again(text, qmin, qmax):
    qtype = QType.parse(text)
    assert (qtype.qmin, qtype.qmax, str(qtype)) == (qmin, qmax, text)


def test_the_usual_types():
    assert [str(t) for t in (INT8, UINT8, INT32)] == ["int8", "uint8", "int32"]


@pytest.mark.parametrize("text", ["float16", "8", "int", "uuint8", "int8x", "int-8", "int²", ""])
def test_no_integer_type(text):
    with pytest.raises(RecipeError, match="expected a name such as int8"):
        QType.parse(text)


@pytest.mark.parametrize("bits", [0, 1, 33])
def test_widths_that_make_no_sense(bits):
    with pytest.raises(RecipeError, match=f"2 to 32 bits, not {bits}"):
        QType(bits)


def test_a_symmetric_grid_needs_a_signed_type():
    with pytest.raises(RecipeError, match="signed type, not uint8"):
        QuantSpec(qtype=UINT8, symmetric=True)


def test_a_wish_prints():
    assert str(QuantSpec(qtype=INT8, granularity=PerAxis(1))) == "int8 symmetric per axis 1, minmax"
    wish = QuantSpec(qtype=UINT8, symmetric=False, granularity=PerTensor(), observer="mse")
    assert str(wish) == "uint8 asymmetric per tensor, mse"
