from __future__ import annotations

import math

import pytest

from detquant.report.html.markup import Markup, element, joined, number, script, style


def test_text_is_escaped_and_markup_is_not():
    inner = element("b", "a < b & c")
    assert inner == "<b>a &lt; b &amp; c</b>" and isinstance(inner, Markup)
    assert element("p", inner, "<i>", [inner, None]) == f"<p>{inner}&lt;i&gt;{inner}</p>"
    assert joined([inner, "&"]) == f"{inner}&amp;"


def test_attributes():
    assert element("a", "x", href='"><script>', class_="k", data_by=1.5) == (
        '<a href="&quot;&gt;&lt;script&gt;" class="k" data-by="1.5">x</a>'
    )
    assert element("input", hidden=True, checked=False, value=None) == "<input hidden>"
    assert element("rect", x=1) == '<rect x="1"/>' and element("rect", element("title", "t")).endswith("</rect>")


@pytest.mark.parametrize(
    ("value", "told"),
    [(1.0, "1"), (0.125, "0.12"), (-0.001, "0"), (1e300, "1000000"), (math.nan, "0"), (math.inf, "0"), (100, "100")],
)
def test_numbers_are_short_and_finite(value, told):
    assert number(value) == told


def test_what_would_end_a_script_is_refused():
    for make, tag in ((script, "script"), (style, "style")):
        assert make("a < b") == f"<{tag}>\na < b\n</{tag}>"
        with pytest.raises(ValueError, match="end tag"):
            make(f"'</{tag.upper()}>'")
