"""How tests bring a network into a simulator: one build of the test bench for all networks of an array."""

from __future__ import annotations

from detquant.targets.verilog.cycles import cycles_of
from detquant.targets.verilog.engine import Engine
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower


def enough(array):
    """An engine in which all networks of the tests have room."""
    return Engine(
        array=array, weight=8, accumulator=32, multiplier=25, log_entries=10, address=14, log_tiles=7, segments=8
    )


def written(files, folder):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def run(simulator, built, net, array, folder, image=None, **options):
    """Lowers a network, writes its memories and runs the test bench that was built."""
    graph = net.graph()
    program = lower(graph, array, enough(array))
    assert program.engine == enough(array)
    files = hardware_files(program, graph, net.images(image), ["mem"])
    needed = {path: content for path, content in files.items() if path.startswith(("mem/", "tb/vectors/"))}
    written(needed, folder)
    outcome = simulator.run(built, {"mem": folder / "mem", "vectors": folder / "tb/vectors", **options})
    if outcome.passed and not options.get("stall"):
        assert outcome.cycles == cycles_of(program).total  # nothing of it depends on the image
    return outcome
