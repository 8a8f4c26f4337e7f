"""Why each operator that stayed float did, and where the time goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from detquant.report.evidence import Profile
from detquant.report.html import svg
from detquant.report.html.markup import Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.shades import precision_shade
from detquant.report.html.tables import Cell, Column, known, table
from detquant.report.html.words import bullets, folded, lead, legend, missing, paragraph, plural
from detquant.report.report import Report
from detquant.report.slow import why_slow
from detquant.report.verdict import focus

KINDS = 8
"""Kinds of operators that have a colour of their own."""
TOP = 25
"""Operators of a profile that are listed."""
NAMES = 60
"""Names of operators that are listed under a reason."""
OTHER = "others"
WIDTH, BAR, LEFT = 1000.0, 30.0, 110.0
UNTOLD = (
    "No times by operator were kept in this run: onnxruntime and OpenVINO measure them where they run the model, other "
    "runtimes do not tell."
)
NO_REASONS = (
    "{blocks} of the graph in floating point, and no reason for it was kept: reasons are known of models that detquant "
    "itself put on integers."
)
ALL_INTEGER = "No operator is known to have stayed in float."


def slow(report: Report, scope: Scope) -> Markup:
    """Reasons first, times after them."""
    return joined(
        (scope.heading("Why float"), _reasons(report), scope.heading("Where the time goes"), _times(report, scope))
    )


def _reasons(report: Report) -> Markup:
    """Operators by the reason for which they stayed float."""
    reasons = why_float(report)
    if not reasons:
        count = sum(_floats(one.executed or one.planned) for one in (report.evidence.blocks if report.evidence else ()))
        return missing(NO_REASONS.format(blocks=plural(count, "block")) if count else ALL_INTEGER)
    macs = {name: one.macs for one in (report.evidence.blocks if report.evidence else ()) for name in one.operators[:1]}
    whole = sum(macs.values())
    rows: list[list[Cell | str]] = []
    for why, names in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0])):
        told = [macs[name] for name in names if name in macs]
        share = 100 * sum(told) / whole if whole and told else None
        more = f", and {len(names) - NAMES:,} more" if len(names) > NAMES else ""
        listed = folded(plural(len(names), "operator"), paragraph(", ".join(names[:NAMES]) + more, class_="names"))
        rows.append(
            [why, Cell(shown=f"{len(names):,}", value=len(names)), known(share, ".1f"), Cell(shown=listed, value=None)]
        )
    columns = [
        Column(title="reason", numeric=False),
        Column(title="operators"),
        Column(title="MACs, %"),
        Column(title="", numeric=False),
    ]
    return table("Operators that stayed in float, by reason", columns, rows)


def _floats(precision: str) -> bool:
    return precision_shade(precision) in ("float", "half")


def why_float(report: Report) -> Mapping[str, list[str]]:
    """Names of operators by the reason for which they are float."""
    row, reasons = focus(report), defaultdict[str, list[str]](list)
    kept = row.quantization.kept_float if row and row.quantization else {}
    known_ones = kept or {
        one.name: one.why_float for one in (report.evidence.blocks if report.evidence else ()) if one.why_float
    }
    for name, why in known_ones.items():
        reasons[why].append(name)
    return reasons


def _times(report: Report, scope: Scope) -> Markup:
    kept = [one for one in (report.evidence.profiles if report.evidence else ()) if one.operators]
    if not kept:
        return missing(UNTOLD)
    titles = {row.name: row.title for row in report.rows}
    profiles = [replace(one, row=titles.get(one.row, one.row)) for one in kept]
    by_kind = [_by_kind(one) for one in profiles]
    kinds = _kinds(by_kind)
    return joined(
        (
            lead(_sentence(profiles, by_kind)),
            bullets(_reasons_of_time(report, kept)),
            legend([(f"bar k{place}", kind) for place, kind in enumerate(kinds)]),
            element("div", _stacked(profiles, by_kind, kinds, scope), class_="wide"),
            _kinds_table(profiles, by_kind),
            *(
                folded(f"{_named(one)}: the {min(TOP, len(one.operators))} operators that take longest", _top(one))
                for one in profiles
            ),
        )
    )


def _named(one: Profile) -> str:
    return one.row


def _by_kind(one: Profile) -> dict[str, float]:
    told = defaultdict[str, float](float)
    for operator in one.operators:
        told[operator.kind] += max(0.0, operator.ms) if operator.ms == operator.ms and abs(operator.ms) < 1e9 else 0.0
    return told


def _kinds(by_kind: Sequence[Mapping[str, float]]) -> list[str]:
    """The kinds that take most time in any model; the others are one."""
    most = {kind: max(one.get(kind, 0.0) for one in by_kind) for one in by_kind for kind in one}
    ordered = sorted(most, key=lambda kind: (-most[kind], kind))
    return [*ordered[:KINDS], *([OTHER] if len(ordered) > KINDS else [])]


def _sentence(profiles: Sequence[Profile], by_kind: Sequence[Mapping[str, float]]) -> str:
    said = []
    for one, times in zip(profiles, by_kind, strict=True):
        whole, most = sum(times.values()), max(times, key=lambda kind: (times[kind], kind))
        share = f", {100 * times[most] / whole:.0f} % of it in {most}" if whole else ""
        said.append(f"{_named(one)} takes {whole:.2f} ms in its operators{share}")
    return f"{'; '.join(said)}."


def _reasons_of_time(report: Report, profiles: Sequence[Profile]) -> Sequence[str]:
    """Where the quantised model's time goes, and against the float model's; nothing where only one of them is known."""
    row, blocks = focus(report), report.evidence.blocks if report.evidence else ()
    named = {one.row: one for one in profiles}
    if row is None or row.name not in named:
        return ()
    return why_slow(named.get(report.reference.name), named[row.name], blocks)


def _stacked(
    profiles: Sequence[Profile], by_kind: Sequence[Mapping[str, float]], kinds: Sequence[str], scope: Scope
) -> Markup:
    longest = max((sum(one.values()) for one in by_kind), default=0.0)
    x = svg.Scale(0.0, longest or 1.0, LEFT, WIDTH - 8)
    base = 10 + (BAR + 12) * len(profiles)
    bars = list[Markup]()
    for place, (one, times) in enumerate(zip(profiles, by_kind, strict=True)):
        top = 10 + (BAR + 12) * place
        bars.append(svg.text((LEFT - 8, top + BAR * 0.62), one.row[:16], "label strong", "end"))
        bars += _segments(times, kinds, x, top)
    return svg.chart(
        scope,
        "times",
        (WIDTH, base + 40),
        "Time by kind of operator",
        "A bar for each model, its parts the kinds of operators; the numbers are in the table below.",
        *bars,
        svg.axis_below(x, base, svg.short, "ms"),
        class_="broad",
    )


def _segments(times: Mapping[str, float], kinds: Sequence[str], x: svg.Scale, top: float) -> Iterator[Markup]:
    start = 0.0
    for place, kind in enumerate(kinds):
        value = sum(ms for name, ms in times.items() if name not in kinds) if kind == OTHER else times.get(kind, 0.0)
        if value <= 0:
            continue
        left, right = x(start), x(start + value)
        start += value
        yield svg.rectangle((left, top), (right - left, BAR), f"bar k{place}", f"{kind}: {value:.3f} ms")
        if right - left > 7 * len(kind) + 8:
            yield svg.text(((left + right) / 2, top + BAR * 0.62), kind, f"label on-bar k{place}", "middle")


def _kinds_table(profiles: Sequence[Profile], by_kind: Sequence[Mapping[str, float]]) -> Markup:
    names = sorted(
        {kind for one in by_kind for kind in one}, key=lambda kind: -max(one.get(kind, 0.0) for one in by_kind)
    )
    columns = [Column(title="kind", numeric=False)]
    for one in profiles:
        columns += [Column(title=f"{_named(one)}, ms"), Column(title=f"{_named(one)}, operators")]
    rows: list[list[Cell | str]] = []
    for kind in names:
        cells: list[Cell | str] = [kind]
        for one, times in zip(profiles, by_kind, strict=True):
            count = sum(operator.kind == kind for operator in one.operators)
            cells += [known(times.get(kind), ".3f"), Cell(shown=f"{count:,}" if count else "–", value=count or None)]
        rows.append(cells)
    return table("Time by kind of operator", columns, rows)


def _top(one: Profile) -> Markup:
    whole = sum(_by_kind(one).values())
    longest = sorted(
        one.operators, key=lambda operator: (-operator.ms if operator.ms == operator.ms else 0.0, operator.name)
    )[:TOP]
    columns = [
        *(Column(title=name, numeric=False) for name in ("operator", "kind", "computes in")),
        Column(title="ms"),
        Column(title="share, %"),
    ]
    rows: list[list[Cell | str]] = [
        [
            each.name,
            each.kind,
            each.precision or "not told",
            known(each.ms, ".3f"),
            known(100 * each.ms / whole if whole else None, ".1f"),
        ]
        for each in longest
    ]
    return table(element("span", f"{_named(one)}, operators of the runtime's own graph"), columns, rows)
