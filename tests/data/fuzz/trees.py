"""Values that a tree of JSON or YAML may hold where something else was expected, and trees with one put in."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

NUMBERS = [0, -1, 1, 0.5, 1e300, -1e300, 2**63, 10**400, float("inf"), float("nan"), 1_000_000_000, True]
TEXTS = [
    "",
    "a",
    "0",
    "1",
    "07",
    "-1",
    "1e9",
    "a\0b",
    "a\\b",
    "C:\\x\\a.png",
    "/dev/zero",
    "../..",
    "x" * 5000,
    "\ud800",
    "\n",
]

odd_values = st.recursive(
    st.one_of(st.none(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.text(max_size=8), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["id", "names", "0", "size"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def disturbed(draw: st.DrawFn, tree: Any, most: int = 4) -> Any:
    """A copy in which up to `most` places were given another value, taken out or doubled."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, most))):
        holder = tree
        while holder:
            key = draw(st.sampled_from(sorted(holder, key=str) if isinstance(holder, dict) else range(len(holder))))
            if isinstance(holder[key], (dict, list)) and holder[key] and draw(st.booleans()):
                holder = holder[key]
                continue
            what = draw(st.sampled_from(["put", "put", "take", "double"]))
            if what == "put":
                holder[key] = draw(odd_values)
            elif what == "take":
                del holder[key]
            elif isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            break
    return tree
