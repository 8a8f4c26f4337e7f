from __future__ import annotations

import pytest

from detquant.report.evidence import Block, OperatorTime, Profile
from detquant.report.slow import parts_of_time, why_slow, without_block


def block(name, *, tail=False):
    return Block(name=name, operators=(name,), title="Conv", inputs=(), shape="1x1", planned="w8a8", tail=tail)


BLOCKS = [block("a"), block("b"), block("end", tail=True)]


def profile(*rows):
    return Profile(
        row="quantized",
        operators=tuple(
            OperatorTime(name=str(place), kind=kind, precision=precision, ms=ms, block=owner)
            for place, (kind, precision, ms, owner) in enumerate(rows)
        ),
    )


@pytest.fixture
def slow():
    return profile(
        ("QLinearConv", "int8", 3.0, "a"),
        ("QLinearConv", "int8", 1.0, "b"),
        ("Sigmoid", "float", 1.5, "a"),
        ("Mul", "float", 0.5, "b"),
        ("QuantizeLinear", "int8", 1.0, "a"),
        ("DequantizeLinear", "float", 1.0, None),
        ("ReorderInput", "float", 0.1, None),
        ("Softmax", "float", 1.5, "end"),
        ("QLinearConcat", "int8", 0.4, None),
    )


def test_each_part_has_its_share(slow):
    parts = {part.what: part for part in parts_of_time(slow, BLOCKS)}
    assert {what: round(part.share) for what, part in parts.items()} == {
        "layers": 40,
        "float": 20,
        "rounding": 20,
        "decoding": 15,
        "other": 4,
        "layout": 1,
    }
    assert parts["layers"].operators == 2 and parts["float"].kinds == ("Sigmoid", "Mul")
    assert sum(part.ms for part in parts.values()) == pytest.approx(10.0)


def test_what_explains_nothing_is_not_told(slow):
    assert why_slow(None, slow, BLOCKS) == (
        "Of the 10.00 ms that its operators take, 40% in the 2 layers on codes, 20% in operators in floating point "
        "(Sigmoid, Mul), 20% in rounding and back (DequantizeLinear, QuantizeLinear) and 15% in the decoding behind "
        "the network.",
    )


def test_beside_the_float_model(slow):
    reference = profile(("Conv", "float", 2.0, "a"), ("Conv", "float", 4.0, "b"), ("Softmax", "float", 1.5, "end"))
    _, layers, longer = why_slow(reference, slow, BLOCKS)
    assert layers == "The 2 layers on codes, with what belongs to them, take 7.00 ms, in float 6.00 ms."
    assert longer == "These take longer than in float: 'a' (2.00 ms, now 5.50)."


def test_layers_of_which_the_float_model_tells_little_are_not_compared(slow):
    reference = profile(("Conv", "float", 4.0, "b"))
    assert not any("layers on codes, with" in one for one in why_slow(reference, slow, BLOCKS))


def test_many_that_take_longer_are_counted():
    blocks = [block(str(place)) for place in range(5)]
    before = profile(*(("Conv", "float", 1.0, one.name) for one in blocks))
    after = profile(*(("Conv", "float", 2.0 + place, one.name) for place, one in enumerate(blocks)))
    assert why_slow(before, after, blocks)[-1] == (
        "These take longer than in float: '4' (1.00 ms, now 6.00), '3' (1.00 ms, now 5.00), '2' (1.00 ms, now 4.00) "
        "and 2 more."
    )


def test_transposes_of_the_decoding_belong_to_it():
    [part] = parts_of_time(profile(("Transpose", "float", 1.0, "end")), BLOCKS)
    assert part.what == "decoding"


def test_a_model_without_times():
    assert why_slow(None, profile(), BLOCKS) == ()
    assert why_slow(None, profile(("Conv", "float", 0.0, "a")), BLOCKS) == ()


def test_layers_that_the_runtime_names_as_no_block_is_are_counted():
    named = profile(("Convolution", "float", 1.0, "a"), ("Softmax", "float", 1.0, None))
    assert without_block(named, "float") is None
    some = profile(("Convolution", "float", 1.0, None), ("Convolution", "float", 1.0, "b"))
    assert without_block(some, "float").startswith("float: 1 of 2 layers has no block, for the runtime's name of it is")
