"""By what a result can be made again: the command, the machine, the data, the packages."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from detquant.data import Dataset
from detquant.data.scenes import PAINT, is_scene
from detquant.pipeline.entries import Entry
from detquant.pipeline.job import Job
from detquant.pipeline.processor import instruction_sets, processor_name
from detquant.report.evidence import Provenance

PROGRAM = "detquant"
PROGRAMS = frozenset({"detquant", "detquant.exe", "detquant-script.py"})
PACKAGES: Mapping[str, str] = {
    **{"detquant": "detquant", "numpy": "numpy", "onnx": "onnx", "onnx-ir": "onnx_ir", "onnxruntime": "onnxruntime"},
    **{"opencv-python-headless": "cv2", "faster-coco-eval": "faster_coco_eval", "torch": "torch", "scipy": "scipy"},
    **{"onnxscript": "onnxscript", "openvino": "openvino", "ai-edge-litert": "ai_edge_litert", "nncf": "nncf"},
    **{"tensorflow-cpu": "tensorflow", "dask": "dask", "distributed": "distributed"},
    **{"ncnn": "ncnn", "ethos-u-vela": "ethosu"},
}
"""Distributions that have a part in numbers, and the module by which it is seen that one was used."""


def provenance_of(job: Job, quantized: Entry, calibration: Sequence[Path], call: str) -> Provenance:
    """By what a quantised model can be made again.

    Args:
        job: how it was made.
        quantized: the model on its place.
        calibration: its calibration images.
        call: the function that was called, where no command line was.
    """
    return Provenance(
        command=command_line() or call,
        processor=processor_name(),
        instructions=instruction_sets(),
        system=system_name(),
        data_sha256=data_digest(job.dataset, calibration),
        calibration=tuple(names_within(calibration)),
        packages=packages_used(quantized.place.package),
    )


def command_line() -> str | None:
    """The command line, as it was typed; None where this is not detquant's own program."""
    program = Path(sys.argv[0]) if sys.argv and sys.argv[0] else Path()
    as_module = program.name == "__main__.py" and program.parent.name == PROGRAM
    return shlex.join([PROGRAM, *sys.argv[1:]]) if as_module or program.name in PROGRAMS else None


def system_name() -> str:
    """Name and version of the operating system, the kind of machine, and Python."""
    name = ""
    with suppress(OSError):
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    kernel = f"{platform.system()} {platform.release()}".strip()
    return ", ".join(filter(None, (name, kernel, platform.machine(), f"Python {platform.python_version()}")))


def packages_used(runtime: str) -> dict[str, str]:
    """Versions of what has a part in the numbers, as far as this process has loaded it, by distribution.

    Args:
        runtime: distribution of the runtime, which counts in any case.
    """
    found: dict[str, str] = {}
    for name, module in PACKAGES.items():
        if module in sys.modules or name == runtime:
            with suppress(PackageNotFoundError):
                found[name] = version(name)
    return found


def calibration_paths(job: Job, quantized: Entry) -> list[Path]:
    """The images that calibrated, in order: the first readable ones that the data set has, as many as were asked for.

    Args:
        job: how the model was made.
        quantized: knows which of them could not be read; where nothing was calibrated there are none.
    """
    if job.recipe.precision is not None or not (job.recipe.calibrates or job.looks):
        return []
    unread = {skip.path for skip in quantized.skipped}
    return [path for path in job.dataset.calibration if path not in unread][: job.calib]


def data_digest(dataset: Dataset, calibration: Sequence[Path]) -> str:
    """The sha256 of what was calibrated and measured on: names and sizes of the images, and what is known of them.

    Names are those within the folder that all are in, so the same data elsewhere have the same digest.

    Args:
        dataset: the data set.
        calibration: the images of it that calibrated.
    """
    total, paths = hashlib.sha256(), (*calibration, *dataset.validation)
    for path, name in zip(paths, names_within(paths), strict=True):
        total.update(f"{name}\0{PAINT if is_scene(path) else _size(path)}\n".encode("utf-8", "surrogateescape"))
    objects = dataset.ground_truth["annotations"] if dataset.ground_truth else None
    known = {"classes": dataset.classes, "objects": objects, "labels": dataset.labels}
    total.update(json.dumps(known, sort_keys=True, default=str).encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def names_within(paths: Sequence[Path]) -> list[str]:
    """Names of images within the folder that all of them are in, with slashes."""
    if not paths:
        return []
    together = os.path.commonpath([path.parent for path in paths]) if len({p.anchor for p in paths}) == 1 else ""
    return [Path(os.path.relpath(path, together)).as_posix() if together else path.as_posix() for path in paths]


def _size(path: Path) -> int:
    """The size of a file in bytes; -1 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
