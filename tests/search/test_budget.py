from __future__ import annotations

import pytest

from detquant.errors import OptionError
from detquant.search.budget import Kind, parse_budget


@pytest.mark.parametrize(
    ("text", "kind", "amount"),
    [
        ("5bits", Kind.WIDTH, 5),
        (" 4.5 bits ", Kind.WIDTH, 4.5),
        ("2.1MB", Kind.BYTES, 2.1e6),
        ("900kB", Kind.BYTES, 9e5),
        ("900 KB", Kind.BYTES, 9e5),
        ("1MiB", Kind.BYTES, 1 << 20),
        ("2100000B", Kind.BYTES, 2.1e6),
        ("1.9MB zip", Kind.ZIPPED, 1.9e6),
        ("1.9 mb zipped", Kind.ZIPPED, 1.9e6),
        ("40%", Kind.OPERATIONS, 0.4),
        ("12ms", Kind.LATENCY, 12),
    ],
)
def test_what_a_budget_says(text, kind, amount):
    found = parse_budget(text)
    assert found.kind is kind and found.amount == pytest.approx(amount)


@pytest.mark.parametrize(
    "text", ["5", "bits", "", "5 apples", "-3MB", "0MB", "5bits zip", "40% zip", "1e3MB", "1.2.3MB", "٣bits", "inf MB"]
)
def test_what_is_no_budget_is_refused_with_what_would_be(text):
    with pytest.raises(OptionError, match=r"5bits.*2\.1MB.*40%.*12ms"):
        parse_budget(text)


@pytest.mark.parametrize("text", ["5bits", "2.1MB", "1.9MB zip", "40%", "12ms"])
@pytest.mark.parametrize("amount", [1.0, 1.00004, 3.14159265, 0.0123456789, 12345678.9])
def test_the_smallest_that_is_proposed_is_enough(text, amount):
    budget = parse_budget(text)
    proposed = parse_budget(budget.written_up(amount))
    assert proposed.kind is budget.kind
    assert amount * (1 - 1e-9) <= proposed.amount <= amount * 1.002
