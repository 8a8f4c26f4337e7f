"""How tests bring a network into a simulator: one build of the test bench for all networks of an array."""

from __future__ import annotations

from detquant.targets.verilog.cycles import cycles_of
from detquant.targets.verilog.engine import Engine
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower


def enough(array, head=None):
    """An engine in which all networks of the tests have room, and a head of sizes behind it."""
    return Engine(
        array=array, weight=8, accumulator=32, multiplier=25, log_entries=10, address=14, log_tiles=7, segments=8,
        head=head,
    )  # fmt: skip


def written(files, folder):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def run_head(simulator, built, case, engine, folder, **options):
    """The same of a case of `heads`, on an engine with a head."""
    program = lower(case.graph, engine.array, engine, case.head)
    assert program.engine == engine
    files = hardware_files(program, case.graph, case.images, ["mem"])
    written({path: content for path, content in files.items() if path.startswith(("mem/", "tb/vectors/"))}, folder)
    return simulator.run(built, {"mem": folder / "mem", "vectors": folder / "tb/vectors", **options})


def sources_in_order(paths):
    """Sources of RTL, the package before those who use it."""
    return sorted((path for path in paths if path.suffix == ".sv"), key=lambda path: "config" not in path.name)


def run(simulator, built, net, array, folder, image=None, timed=True, **options):
    """Lowers a network, writes its memories and runs the test bench that was built; the cycles are those computed."""
    graph = net.graph()
    program = lower(graph, array, enough(array))
    assert program.engine == enough(array)
    files = hardware_files(program, graph, net.images(image), ["mem"])
    needed = {path: content for path, content in files.items() if path.startswith(("mem/", "tb/vectors/"))}
    written(needed, folder)
    outcome = simulator.run(built, {"mem": folder / "mem", "vectors": folder / "tb/vectors", **options})
    if timed and outcome.passed and not options.get("stall"):
        assert outcome.cycles == cycles_of(program).total  # nothing of it depends on the image
    return outcome
