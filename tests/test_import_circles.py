"""No module imports itself by way of others: what belongs below both stands in a file of its own."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest

grimp = pytest.importorskip("grimp", reason="needs grimp, which comes with import-linter")


def test_no_module_imports_itself_by_way_of_others():
    graph = grimp.build_graph("detquant")
    circle = None
    try:
        TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules}).prepare()
    except CycleError as error:
        circle = " imports ".join(reversed(error.args[1]))
    if circle:
        pytest.fail(f"A circle of imports: {circle}. What both need goes into a file below both.", pytrace=False)
