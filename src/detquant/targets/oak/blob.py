"""Compiling for the MyriadX by Luxonis' blobconverter, which sends the model to Luxonis' server.

The compiler of OpenVINO 2022.1 that stands there is the last for this chip. What normalises the image is compiled in,
so that the camera's frames go in as they are: BGR, 0 to 255.
"""

from __future__ import annotations

import shlex
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from detquant.families.input_form import Form

VERSION, SHAVES, PRECISION = "2022.1", 6, "FP16"


def optimizer_options(form: Form) -> list[str]:
    """How the compiler's model optimiser is told of the normalisation."""
    mean, scale = (f"[{','.join(f'{value:g}' for value in values)}]" for values in (form.mean, form.std))
    reverse = ["--reverse_input_channels"] if form.rgb else []
    return [f"--mean_values={mean}", f"--scale_values={scale}", *reverse]


def command(model: str, form: Form) -> str:
    """The command that compiles a model, for users to type."""
    options = shlex.quote(" ".join(optimizer_options(form)))
    return (
        f"blobconverter --onnx-model {model} --data-type {PRECISION} --version {VERSION} --shaves {SHAVES} "
        f"--optimizer-params {options}"
    )


def compile_blob(model: str, content: bytes, form: Form) -> tuple[bytes | None, str]:
    """The blob, where blobconverter is installed and its server answers.

    Returns:
        Its bytes or None, and a sentence on what was done, or is to be done.
    """
    todo = f"To compile it for the camera:  {command(model, form)}"
    if find_spec("blobconverter") is None:
        return None, f"{todo}  (pip install blobconverter; the model is sent to Luxonis' server)."
    converter: Any = __import__("blobconverter")
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, model)
            path.write_bytes(content)
            made = converter.from_onnx(
                model=str(path),
                data_type=PRECISION,
                version=VERSION,
                shaves=SHAVES,
                optimizer_params=optimizer_options(form),
                output_dir=folder,
                use_cache=False,
            )
            return Path(made).read_bytes(), f"blobconverter compiled it for {SHAVES} SHAVEs on Luxonis' server."
    except Exception as error:  # whatever the service or the network fails with: the model itself is fine
        reason = " ".join(str(error).split()) or type(error).__name__
        return None, f"blobconverter did not compile it ({reason[:200]}). {todo}."
