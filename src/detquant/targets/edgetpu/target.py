"""Coral's Edge TPU: TFLite of integers only, checked against Coral's published list, compiled where that can be done.

There is no Edge TPU here: LiteRT's kernels on this machine's CPU compute the same codes.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from detquant.errors import TargetError
from detquant.families import Family
from detquant.graph.leaky_as_prelu import leaky_as_prelu
from detquant.graph.linear_resize import linear_resize
from detquant.graph.pool_edges import pool_edges
from detquant.graph.shuffle_as_conv import shuffle_as_conv
from detquant.numerics import eight_bits
from detquant.targets._base import Arrays, Artefact, Runner
from detquant.targets.edgetpu.compiler import compile_model, compiled_name
from detquant.targets.edgetpu.split import predict
from detquant.targets.tflite.integer import TfLiteInteger
from detquant.targets.tflite.runner import Opened
from detquant.targets.tflite.target import FILE


class EdgeTpu(TfLiteInteger):
    """The Edge TPU of Coral's sticks, cards and boards."""

    name = "edgetpu"
    title = "Coral Edge TPU: TFLite of integers only, compiled where the compiler is; scored in LiteRT"
    integer_only = "the Edge TPU computes in 8-bit integers only"
    writes = (*TfLiteInteger.writes, compiled_name(FILE))
    variant_of = None
    runs_here = False
    capability = replace(
        TfLiteInteger.capability,
        name="edgetpu",
        kernels=eight_bits((TfLiteInteger.capability.kernels.keys() - {"LeakyRelu"}) | {"PRelu"}),
    )

    def rewrite(self, model: ir.Model) -> ir.Model:
        """The graph with operators that the chip has in place of those that it lacks."""
        for step in (leaky_as_prelu, shuffle_as_conv, linear_resize, pool_edges):
            model = step(model)
        return super().rewrite(model)

    def write(self, network: ir.Model) -> bytes:
        """Writes the file; refused where none of its layers would run on the chip.

        Raises:
            TargetError: none would.
        """
        content = super().write(network)
        split = predict(content)
        if not split.mapped:
            why = next(iter(split.reasons))
            raise TargetError(
                f"Nothing of this model would run on the Edge TPU: {why}. Leave that out of the model, or choose "
                f"target tflite-integer."
            )
        return content

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """Sentences on the chip not having run, and on how the file can be expected to be split."""
        told = super().remarks(runner)
        split = tuple(predict(runner.content).sentences()) if isinstance(runner, Opened) else ()
        return (self.stand_in(), *split, *told)

    def stand_in(self) -> str:
        """A sentence that says that another runtime stood in for the chip."""
        return (
            "The Edge TPU itself was not run: accuracy is that of the same file in LiteRT on this machine's CPU, and "
            "so is the latency, which says nothing about the chip."
        )

    def finish(self, artefact: Artefact, family: Family, image: Arrays) -> tuple[Artefact, tuple[str, ...]]:
        """The compiled file, where the compiler is at hand; else how to make it."""
        compiled, told = compile_model(FILE, artefact.files[FILE])
        files = {**artefact.files, **({compiled_name(FILE): compiled} if compiled else {})}
        return Artefact(files), told
