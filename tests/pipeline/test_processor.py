from __future__ import annotations

import platform
import subprocess

import pytest

from detquant.pipeline import processor
from detquant.pipeline.processor import instruction_sets, processor_features, processor_name

X86 = "model name\t: Fast (R) 9000\nflags\t\t: fpu sse2 avx2 avx512f avx_vnni amx_int8\n\nmodel name\t: Other\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\nCPU part\t: 0xd0b\n"


@pytest.fixture
def linux(monkeypatch, tmp_path):
    """linux(cpuinfo, board): a system that says this of itself."""

    def make(cpuinfo=None, board=None):
        for name, text in (("CPUINFO", cpuinfo), ("BOARD", board)):
            file = tmp_path / name
            if text is not None:
                file.write_text(text)
            monkeypatch.setattr(processor, name, file)
        monkeypatch.setattr(platform, "system", lambda: "Linux")

    return make


def test_a_processor_of_a_desktop(linux):
    linux(X86)
    assert processor_name() == "Fast (R) 9000"
    assert instruction_sets() == ("avx2", "avx_vnni", "avx512f", "amx_int8")
    assert "sse2" in processor_features().split()


def test_arm_has_other_words_and_the_name_of_its_board(linux):
    linux(ARM, "Small Board 5\0")
    assert processor_name() == "Small Board 5" and instruction_sets() == ("neon", "dotprod", "i8mm")


def test_a_system_that_says_nothing(linux, monkeypatch):
    linux()
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert (processor_name(), instruction_sets(), processor_features()) == ("riscv64", (), "")


def test_macos_is_asked(linux, monkeypatch):
    linux()
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    said = {
        "machdep.cpu.brand_string": "Apple M9",
        "hw.optional.arm.FEAT_DotProd": "1",
        "hw.optional.arm.FEAT_I8MM": "0",
    }

    def run(words, **how):
        return subprocess.CompletedProcess(words, 0, said.get(words[-1], "") + "\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert processor_name() == "Apple M9" and instruction_sets() == ("dotprod",)


def test_macos_without_its_tool(linux, monkeypatch):
    linux()
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "processor", lambda: "arm")

    def run(words, **how):
        raise FileNotFoundError(words[0])

    monkeypatch.setattr(subprocess, "run", run)
    assert processor_name() == "arm" and instruction_sets() == ()


def test_this_machine_has_a_name():
    assert processor_name().strip()
