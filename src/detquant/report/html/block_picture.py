"""Blocks of a graph from top to bottom in the order in which they run; what skips others goes round at the side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from detquant.report.evidence import Block
from detquant.report.html import svg
from detquant.report.html.markup import Markup, element, joined, number
from detquant.report.html.scope import Scope
from detquant.report.html.shades import error_said, error_shade, precision_shade

STEP, TALL, LEFT, WIDE = 27.0, 21.0, 6.0, 800.0
"""Distance and height of blocks, their left side and width, in pixels."""
LANE, MOST_LANES = 9.0, 24
"""Distance of two lanes for skips, and how many there are; beyond these, skips share the last one."""
MOST_INPUTS = 64
NAMED = 56
"""Letters of a name that have room."""

Skip = tuple[int, int]
"""Places of two blocks: whose result is read, and who reads it."""


def block_picture(blocks: Sequence[Block], scope: Scope) -> Markup:
    """The picture; each block says on hovering what it is, and the table beside it says the same."""
    steps, skips = edges(blocks)
    lanes = lanes_of(skips)
    width = LEFT + WIDE + LANE * (1 + min(MOST_LANES, 1 + max(lanes.values(), default=0))) + 8
    height = STEP * len(blocks) + 8
    straight = "".join(f"M{number(LEFT + 40)} {number(_top(at) + TALL)}v{number(STEP - TALL)}" for at in steps)
    return svg.chart(
        scope,
        "graph-picture",
        (width, height),
        "The graph as blocks",
        "One block below the other in the order in which they run; the table below has all of them.",
        element("path", d=straight, class_="edge"),
        *(_arc(skip, lane) for skip, lane in lanes.items()),
        *(_block(one, place) for place, one in enumerate(blocks)),
        class_="block-picture",
    )


def edges(blocks: Sequence[Block]) -> tuple[list[int], list[Skip]]:
    """Places whose result the next block reads, and what is read by others that come later."""
    places: dict[str, int] = {}
    steps, skips = list[int](), list[Skip]()
    for place, one in enumerate(blocks):
        for name in dict.fromkeys(one.inputs[:MOST_INPUTS]):
            source = places.get(name)
            if source is None:
                continue
            if source == place - 1:
                steps.append(source)
            else:
                skips.append((source, place))
        places[one.name] = place
    return steps, skips


def lanes_of(skips: Sequence[Skip]) -> Mapping[Skip, int]:
    """A lane for each skip, the shortest nearest to the blocks, so that no two overlap in one lane."""
    ends: list[list[Skip]] = []
    lanes = dict[Skip, int]()
    for skip in sorted(skips, key=lambda skip: (skip[1] - skip[0], skip)):
        lane = next((at for at, taken in enumerate(ends) if all(_apart(skip, other) for other in taken)), len(ends))
        lane = min(lane, MOST_LANES - 1)
        if lane == len(ends):
            ends.append([])
        ends[lane].append(skip)
        lanes[skip] = lane
    return lanes


def _apart(one: Skip, other: Skip) -> bool:
    """Whether two skips can lie in one lane; those from one block run together."""
    return one[1] <= other[0] or other[1] <= one[0] or one[0] == other[0]


def _arc(skip: Skip, lane: int) -> Markup:
    """Out of a block to the right, down its lane, and into the other."""
    start, end = _top(skip[0]) + TALL * 0.7, _top(skip[1]) + TALL * 0.3
    right, out, turn = LEFT + WIDE, LANE * (lane + 1), 4.0
    path = (
        f"M{number(right)} {number(start)}h{number(out - turn)}q{number(turn)} 0 {number(turn)} {number(turn)}"
        f"V{number(end - turn)}q0 {number(turn)} {number(-turn)} {number(turn)}H{number(right + 5)}"
    )
    arrow = f"M{number(right + 6)} {number(end - 3)}l-5 3l5 3z"
    return joined((element("path", d=path, class_="edge"), element("path", d=arrow, class_="arrow")))


def _block(one: Block, place: int) -> Markup:
    """A block: what it is, its name, its shape, and its precision or its error."""
    y, middle = _top(place), _top(place) + TALL * 0.68
    executed = one.executed or (f"{one.planned} (planned)" if one.planned else "not told")
    shades = f"{precision_shade(one.executed or one.planned)} {error_shade(one.error_db)}" + (
        "" if one.executed else " planned"
    )
    return element(
        "g",
        element("title", "; ".join(_told(one))),
        element("rect", x=LEFT, y=y, width=WIDE, height=TALL, rx=3, class_="body"),
        element("rect", x=LEFT, y=y, width=6, height=TALL, class_="stripe"),
        svg.text((LEFT + 14, middle), _cut(one.title, 26), "label strong"),
        svg.text((LEFT + 186, middle), _cut(one.name, NAMED), "label muted"),
        svg.text((LEFT + WIDE - 118, middle), _cut(one.shape, 18), "label", "end"),
        svg.text((LEFT + WIDE - 8, middle), _cut(executed, 18), "label of-precision", "end"),
        svg.text((LEFT + WIDE - 8, middle), error_said(one.error_db), "label of-error", "end"),
        class_=f"block {shades}",
    )


def _told(one: Block) -> Iterator[str]:
    yield f"{one.title}, {one.name}"
    yield f"executed in {one.executed}" if one.executed else "the runtime does not tell its precision"
    if one.planned:
        yield f"planned in {one.planned}"
    if one.tail:
        yield "part of the decoding behind the network"
    yield f"SQNR {error_said(one.error_db)}"
    if one.why_float:
        yield f"float because {one.why_float}"


def _top(place: int) -> float:
    return 4 + STEP * place


def _cut(text: str, most: int) -> str:
    """The end of a name tells more than its beginning."""
    return text if len(text) <= most else f"…{text[1 - most :]}"
