"""``edgetpu_compiler``, Coral's own, where it is at hand.

It is a program for Linux on x86-64; it writes ``NAME_edgetpu.tflite``, in which the chip's part is one custom
operator, and a log with the status of each kind of operator.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

PROGRAM = "edgetpu_compiler"
TIMEOUT = 600.0
MAPPED = "Mapped to Edge TPU"
ROW = re.compile(r"^([A-Z][A-Z0-9_]+)\s+(\d+)\s+(\S.*)$", re.MULTILINE)
MEMORY = re.compile(r"^O(?:n|ff)-chip memory used .*$", re.MULTILINE)


def command(model: str) -> str:
    """The command that compiles a model, for users to type."""
    return f"{PROGRAM} -s {model}"


def compiled_name(model: str) -> str:
    """The name that the compiler gives to its result."""
    return f"{Path(model).stem}_edgetpu.tflite"


def compile_model(model: str, content: bytes, timeout: float = TIMEOUT) -> tuple[bytes | None, tuple[str, ...]]:
    """The compiled file, where the compiler is on the PATH and takes the model.

    Args:
        model: name of the file.
        content: bytes of the file.
        timeout: seconds.

    Returns:
        Its bytes or None, and sentences on what was done, or is to be done.
    """
    program = shutil.which(PROGRAM)
    todo = f"To compile it for the Edge TPU:  {command(model)}"
    if program is None:
        return None, (f"{todo}  ({PROGRAM} is not on the PATH; it is for Linux on x86-64).",)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, model).write_bytes(content)
        try:
            done = subprocess.run(
                [program, "-s", "-o", folder, str(Path(folder, model))],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, (f"{PROGRAM} was not done after {timeout:g} s and was stopped. {todo}",)
        except OSError as error:
            return None, (f"{PROGRAM} cannot be run ({error}). {todo}",)
        log = (done.stdout + done.stderr).decode(errors="replace")
        made = Path(folder, compiled_name(model))
        if done.returncode or not made.is_file():
            return None, (f"{PROGRAM} did not compile it ({_why(log, done.returncode)}). {todo}",)
        return made.read_bytes(), tuple(_told(log))


def _told(log: str) -> list[str]:
    """Sentences on what the compiler's log tells."""
    rows = [(kind, int(count), status.strip()) for kind, count, status in ROW.findall(log)]
    on = sum(count for _, count, status in rows if status == MAPPED)
    total = sum(count for _, count, _ in rows)
    told = [f"{PROGRAM} mapped {on} of {total} operators to the Edge TPU." if total else f"{PROGRAM} compiled it."]
    told += [f"{PROGRAM}: {count} {kind} on the CPU ({status})." for kind, count, status in rows if status != MAPPED]
    return [*told, *(f"{PROGRAM}: {line.strip().rstrip('.')}." for line in MEMORY.findall(log))]


def _why(log: str, code: int) -> str:
    lines = [line.strip().rstrip(".") for line in log.splitlines() if line.strip()]
    wrong = [line for line in lines if "fail" in line.lower() or "error" in line.lower() or "invalid" in line.lower()]
    return (wrong or lines[-1:] or [f"exit status {code}"])[0][:200]
