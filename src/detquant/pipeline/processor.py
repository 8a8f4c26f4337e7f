"""The processor that this runs on, as far as the system tells: its name, and the instruction sets that matter here."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

CPUINFO, BOARD = Path("/proc/cpuinfo"), Path("/proc/device-tree/model")
"""What Linux says of its processors, and of the board where there is no name of a processor."""
FLAGS: Mapping[str, str] = {
    **{name: name for name in ("avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16")},
    **{"amx_int8": "amx_int8", "amx_bf16": "amx_bf16"},
    **{"asimd": "neon", "asimddp": "dotprod", "asimdhp": "fp16", "i8mm": "i8mm", "bf16": "bf16", "sve": "sve"},
}
"""Instruction sets on which the speed of integers and of float depends: Linux's word for each, and the usual one."""
SWITCHES: Mapping[str, str] = {
    **{"hw.optional.avx2_0": "avx2", "hw.optional.avx512f": "avx512f", "hw.optional.avx512vnni": "avx512_vnni"},
    **{"hw.optional.neon": "neon", "hw.optional.arm.FEAT_DotProd": "dotprod", "hw.optional.arm.FEAT_I8MM": "i8mm"},
    **{"hw.optional.arm.FEAT_FP16": "fp16", "hw.optional.arm.FEAT_BF16": "bf16"},
}
"""The same on macOS: the switch that says that there is one."""
MAC_NAME = "machdep.cpu.brand_string"
WINDOWS_KEY, WINDOWS_NAME = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0", "ProcessorNameString"


def processor_name() -> str:
    """The processor's model; of a system that has no word for it, of its board; else the kind of machine."""
    told = (_linux("model name"), _board(), _mac(MAC_NAME), _windows(), platform.processor(), platform.machine())
    return next(filter(None, told), "unknown")


def processor_features() -> str:
    """All that Linux says that the first processor can do, in words with spaces between; else empty."""
    return _linux("flags") or _linux("Features")


def instruction_sets() -> tuple[str, ...]:
    """The instruction sets of it that matter here; empty where the system does not tell."""
    features = set(processor_features().split())
    found = [name for flag, name in FLAGS.items() if flag in features]
    if platform.system() == "Darwin":
        found = [name for switch, name in SWITCHES.items() if _mac(switch) == "1"]
    return tuple(found)


def _linux(fact: str) -> str:
    """The description that Linux gives of the first processor."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == fact), "")


def _board() -> str:
    try:
        return BOARD.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    except OSError:
        return ""


def _mac(key: str) -> str:
    if platform.system() != "Darwin":
        return ""
    try:
        asked = subprocess.run(["/usr/sbin/sysctl", "-n", key], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip()


def _windows() -> str:
    if platform.system() != "Windows":
        return ""
    winreg: Any = import_module("winreg")
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, WINDOWS_KEY) as key:
            return str(winreg.QueryValueEx(key, WINDOWS_NAME)[0]).strip()
    except OSError:
        return ""
