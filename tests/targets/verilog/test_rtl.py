"""The RTL as tools read it: without a warning."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from detquant.targets.verilog.rtl_files import fixed_files

needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
needs_yosys = pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed")


@pytest.fixture
def sources(tmp_path):
    for path, content in fixed_files("rtl").items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    around = ("dq_axi", "dq_addresses")  # the wrapper has tests of its own
    return [str(path) for path in sorted((tmp_path / "rtl").iterdir()) if not path.name.startswith(around)]


def lint(sources, **parameters):
    given = [f"-G{name}={value}" for name, value in parameters.items()]
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "dq_detector", *given, *sources]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@needs_verilator
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"ICP": 4, "OCP": 4, "LANES": 2, "WEIGHT": 3, "ACCUMULATOR": 20, "LOG_ENTRIES": 8, "ADDRESS": 9, "SEGMENTS": 1},
        {"ICP": 2, "OCP": 8, "LANES": 1, "MULTIPLIER": 31, "LOG_ENTRIES": 16, "ADDRESS": 32},
        {"ICP": 8, "OCP": 4, "LANES": 4, "WEIGHT": 2, "LOG_TILES": 4},
        {"HEAD": 1},
        {
            "HEAD": 1, "ICP": 4, "OCP": 8, "LANES": 2, "ADDRESS": 32, "HEAD_LEVELS": 1, "HEAD_BINS": 5, "HEAD_SIZE": 1,
            "HEAD_PLACES": 1, "HEAD_KEPT": 1, "HEAD_CLASS": 1,
        },
        {
            "HEAD": 1, "ICP": 1, "OCP": 1, "LANES": 1, "ADDRESS": 12, "HEAD_LEVELS": 8, "HEAD_BINS": 64,
            "HEAD_SIZE": 12, "HEAD_PLACES": 65536, "HEAD_KEPT": 65536, "HEAD_CLASS": 15,
        },
    ],
)  # fmt: skip
def test_lint_finds_nothing(sources, parameters):
    done = lint(sources, **parameters)
    assert done.returncode == 0 and not done.stderr, done.stderr


@needs_verilator
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"ICP": 12}, "icp_and_ocp_must_be_powers_of_two"),
        ({"LANES": 32}, "lanes_must_divide_icp_and_ocp"),
        ({"WEIGHT": 9}, "weights_must_have_2_to_8_bits"),
        ({"LOG_ENTRIES": 7}, "tables_have_2_to_the_8_to_16_entries"),
        ({"HEAD": 1, "HEAD_BINS": 65}, "heads_have_1_to_8_levels_and_2_to_64_bins"),
        ({"HEAD": 1, "HEAD_KEPT": 0}, "heads_have_1_to_65536_candidates_and_detections"),
        ({"HEAD": 1, "ADDRESS": 6}, "widths_of_rows_columns_or_classes"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(sources, parameters, said):
    done = lint(sources, **parameters)
    assert done.returncode and said in done.stderr


@needs_yosys
@pytest.mark.slow
def test_yosys_reads_it(sources):
    script = f"read_verilog -sv {' '.join(sources)}; hierarchy -check -top dq_detector -chparam ICP 2 -chparam OCP 2 "
    script += "-chparam LANES 2 -chparam HEAD 1 -chparam HEAD_PLACES 16 -chparam HEAD_KEPT 8; proc; check -assert"
    done = subprocess.run(["yosys", "-q", "-p", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
