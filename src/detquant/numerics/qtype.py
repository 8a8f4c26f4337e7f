"""Integer types and the wish for one tensor: bits, sign, symmetry, granularity, range estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from detquant.errors import RecipeError


@dataclass(frozen=True, slots=True)
class QType:
    """An integer type of any width from 2 to 32 bits.

    Attributes:
        bits: width.
        signed: two's complement if true.
    """

    bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 32:
            raise RecipeError(f"A quantised type has 2 to 32 bits, not {self.bits}.")

    @property
    def qmin(self) -> int:
        """The smallest code of the type."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def qmax(self) -> int:
        """The largest code of the type."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @classmethod
    def parse(cls, text: str) -> QType:
        """The type named ``int8``, ``uint4``, ...

        Raises:
            RecipeError: the text is no such name.
        """
        signed = not text.startswith("u")
        digits = text.removeprefix("u").removeprefix("int")
        if not text.removeprefix("u").startswith("int") or not (digits.isascii() and digits.isdigit()):
            raise RecipeError(f"'{text}' is no integer type: expected a name such as int8, uint8 or int4.")
        return cls(int(digits), signed)

    def __str__(self) -> str:
        return f"{'int' if self.signed else 'uint'}{self.bits}"


DYNAMIC = "dynamic"
INT8 = QType(8)
UINT8 = QType(8, signed=False)
INT32 = QType(32)


@dataclass(frozen=True, slots=True)
class PerTensor:
    """Granularity: one scale for the whole tensor."""

    words: ClassVar[str] = "per tensor"

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class PerAxis:
    """Granularity: one scale for each index of ``axis``; a Conv weight ``[out, in, kh, kw]`` has ``out`` on axis 0."""

    axis: int = 0
    words: ClassVar[str] = "per axis"

    def __str__(self) -> str:
        return f"{self.words} {self.axis}"


@dataclass(frozen=True, slots=True)
class PerGroup:
    """One scale for each ``size`` neighbours along the axis of a weight's inputs, at each index of all other axes.

    A Gemm weight ``[out, in]`` has scales ``[out, in / size]``, a Conv weight ``[out, in, kh, kw]`` has
    ``[out, in / size, kh, kw]``; the last group may be smaller. These are the blocks of ONNX's DequantizeLinear
    (opset 21).
    """

    size: int = 32
    words: ClassVar[str] = "per group"

    def __post_init__(self) -> None:
        if self.size < 2:
            raise RecipeError(f"A group has at least 2 weights, not {self.size}.")

    def __str__(self) -> str:
        return f"{self.words} of {self.size}"


Granularity = PerTensor | PerAxis | PerGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantSpec:
    """The wish for one tensor.

    Attributes:
        qtype: the integer type of the codes.
        symmetric: the real zero lies on code 0 (signed) and the range is [-a, a].
        granularity: how many scales.
        observer: name of the range estimator; DYNAMIC where each image sets its own as it runs.
        power_of_two: whether scales are powers of two, so that requantisation is a shift.
    """

    qtype: QType
    symmetric: bool = True
    granularity: Granularity = PerTensor()
    observer: str = "minmax"
    power_of_two: bool = False

    def __post_init__(self) -> None:
        if self.symmetric and not self.qtype.signed:
            raise RecipeError(f"A symmetric grid needs a signed type, not {self.qtype}.")
        if self.power_of_two and self.dynamic:
            raise RecipeError(
                f"A scale that is found as the model runs is no power of two: give another observer than '{DYNAMIC}', "
                f"or leave power_of_two out."
            )

    @property
    def dynamic(self) -> bool:
        """Whether the range is that of each image, found as it runs."""
        return self.observer == DYNAMIC

    def __str__(self) -> str:
        shape = "symmetric" if self.symmetric else "asymmetric"
        powers = ", powers of two" * self.power_of_two
        return f"{self.qtype} {shape} {self.granularity}, {self.observer}{powers}"
