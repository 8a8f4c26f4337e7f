"""Arm's Ethos-U NPUs: TFLite of integers only, compiled by Vela.

There is no Ethos-U here: LiteRT's reference kernels on this machine's CPU stand in for it. Vela is tested by comparing
what the NPU gives with what these give, bit for bit; LiteRT's fast kernels, XNNPACK's too, round some halves the other
way. https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela (README, "TensorFlow Support")
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import onnx_ir as ir

from detquant.families import Family
from detquant.graph.linear_resize import linear_resize
from detquant.graph.shuffle_as_conv import shuffle_as_conv
from detquant.targets._base import Arrays, Artefact, Runner
from detquant.targets.ethosu.chip import Chip
from detquant.targets.ethosu.split import split_of
from detquant.targets.ethosu.vela import command, compile_model, compiled_name, is_installed
from detquant.targets.tflite.integer import TfLiteInteger
from detquant.targets.tflite.reading import operators_of
from detquant.targets.tflite.target import FILE

OPTIONS = ("accelerator", "system_config", "memory_mode", "vela_config")


class EthosU(TfLiteInteger):
    """An Ethos-U beside a Cortex.

    Args:
        chip: which one, and its memories; Vela's usual one if None.
    """

    name = "ethosu"
    title = "Arm Ethos-U NPUs: TFLite of integers only, compiled by Vela; scored in LiteRT's reference kernels"
    extra = "ethosu"
    integer_only = "the Ethos-U computes in integers only"
    writes = (*TfLiteInteger.writes, compiled_name(FILE))
    variant_of = None
    runs_here = False
    capability = replace(TfLiteInteger.capability, name="ethosu")

    def __init__(self, chip: Chip | None = None) -> None:
        self.chip = chip or Chip()

    def with_options(self, **given: Any) -> Self:
        """This place as another chip.

        Args:
            given: accelerator, system_config and memory_mode, as Vela calls them; vela_config, a file that has these.

        Raises:
            OptionError: there is no such option or no such name, or two of them do not go together.
        """
        super().with_options(**{name: value for name, value in given.items() if name not in OPTIONS})
        mine = {name: value for name, value in given.items() if name in OPTIONS}
        return type(self)(self.chip.asked(**mine)) if mine else self

    def rewrite(self, model: ir.Model) -> ir.Model:
        """The graph with operators that the NPU has, or does faster, in place of those that it lacks."""
        return super().rewrite(linear_resize(shuffle_as_conv(model)))

    def interpreter(
        self, content: bytes, threads: int, size: tuple[int, ...] | None = None, reference: bool | None = None
    ) -> Any:
        """LiteRT's own, in its reference kernels where the file is all integers, unless it is said."""
        whole = all(tensor.dtype != "float32" for one in operators_of(content) for tensor in one.activations)
        return super().interpreter(content, threads, size, whole if reference is None else reference)

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """Sentences on the NPU not having run, and those of LiteRT."""
        return (
            "The Ethos-U itself was not run: accuracy is that of the same file in LiteRT's reference kernels on this "
            "machine's CPU, which Arm holds the NPU to, bit for bit. The latency is theirs too, and says nothing about "
            "the NPU.",
            *super().remarks(runner),
        )

    def finish(self, artefact: Artefact, family: Family, image: Arrays) -> tuple[Artefact, tuple[str, ...]]:
        """The compiled file, where Vela is installed; else how to make it."""
        todo = f"To compile it for the {self.chip.title}:  {command(FILE, self.chip)}"
        if not is_installed():
            return artefact, (f"{todo}  (Vela is not installed: pip install 'detquant[ethosu]').",)
        content = artefact.files[FILE]
        made = compile_model(FILE, content, self.chip)
        if isinstance(made, str):
            return artefact, (f"{made}. {todo}",)
        told = split_of(content, made).sentences(self.chip)
        return Artefact({**artefact.files, compiled_name(FILE): made.content}), tuple(told)
