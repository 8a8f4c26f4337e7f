"""A network of integer operators, which NumPy runs exactly: codes in, codes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from detquant.integer.operators import CodeArray, IntegerOperator
from detquant.numerics import QuantParams, dequantize, quantize
from detquant.numerics.arrays import Array

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """An input of the network.

    Attributes:
        codes: name of the image's codes.
        grid: the grid of these codes.
    """

    codes: str
    grid: QuantParams


@dataclass(frozen=True, slots=True, eq=False)
class IntegerGraph:
    """Operators, each behind those whose codes it reads.

    Attributes:
        operators: the operators, in the order in which they run.
        images: the network's inputs, by name.
        outputs: names of the codes that it gives.
        grids: grids of the codes, by name.
        shapes: shapes of codes, by name.
    """

    operators: tuple[IntegerOperator, ...]
    images: Mapping[str, Image]
    outputs: tuple[str, ...]
    grids: Mapping[str, QuantParams]
    shapes: Mapping[str, Shape]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, CodeArray]:
        """Codes of the outputs for real images."""
        return self.run_codes(image_codes(self.images, feeds))

    def run_codes(self, given: Mapping[str, CodeArray]) -> dict[str, CodeArray]:
        """Codes of the outputs for codes of the images."""
        found: dict[str, CodeArray] = dict(given)
        left = Counter(name for operator in self.operators for name in operator.inputs) + Counter(self.outputs)
        for operator in self.operators:
            found[operator.output] = operator.run(*(found[name] for name in operator.inputs))
            left.subtract(operator.inputs)
            for name in set(operator.inputs):
                if not left[name]:
                    del found[name]
        return {name: found[name] for name in self.outputs}

    def steps(self, given: Mapping[str, CodeArray]) -> Iterator[tuple[IntegerOperator, CodeArray]]:
        """Yields every operator with the codes that it gives, in order; all codes are kept until the last."""
        found: dict[str, CodeArray] = dict(given)
        for operator in self.operators:
            found[operator.output] = operator.run(*(found[name] for name in operator.inputs))
            yield operator, found[operator.output]

    def real(self, codes: Mapping[str, CodeArray]) -> dict[str, Array]:
        """The real numbers that codes stand for, float32."""
        return {name: dequantize(array, self.grids[name]) for name, array in codes.items()}


def image_codes(images: Mapping[str, Image], feeds: Mapping[str, Array]) -> dict[str, CodeArray]:
    """The codes of real images, by their names.

    Args:
        images: a network's inputs, by name.
        feeds: the images, likewise.
    """
    return {image.codes: quantize(feeds[name], image.grid) for name, image in images.items()}
