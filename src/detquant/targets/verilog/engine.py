"""The engine's parameters: what is chosen, and what is computed from the program so that everything has room."""

from __future__ import annotations

from dataclasses import dataclass, fields

from detquant.errors import OptionError
from detquant.targets.verilog.head import HeadSizes

MOST_WEIGHT_BITS = 8
MOST_TABLE_BITS = 16
LEAST_TABLE_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """The size of the array, which is chosen.

    Attributes:
        icp: input channels that are multiplied at once: codes in a word of the memory of maps.
        ocp: output channels that are summed at once.
        lanes: channels that are requantised at once; a layer with fewer sums of ``icp`` products than ``ocp / lanes``
            for each place waits for them.

    Raises:
        OptionError: they are no powers of two, or the lanes are more than either.
    """

    icp: int = 16
    ocp: int = 16
    lanes: int = 8

    def __post_init__(self) -> None:
        for name in ("icp", "ocp", "lanes"):
            size = getattr(self, name)
            if not (1 <= size <= 64 and size & (size - 1) == 0):
                raise OptionError(f"The engine's '{name}' is {size}: expected a power of two from 1 to 64.")
        if self.lanes > min(self.icp, self.ocp):
            raise OptionError(
                f"The engine has {self.lanes} lanes of requantisation for {self.icp} input and {self.ocp} output "
                f"channels: give as many lanes as the smaller of the two, or fewer."
            )

    @property
    def many(self) -> int:
        """Groups of a stored map that one group of the array's outputs fills."""
        return max(1, self.ocp // self.icp)

    @property
    def rare(self) -> int:
        """Groups of the array's outputs that one group of a stored map takes."""
        return max(1, self.icp // self.ocp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """All parameters of the RTL's `dq_detector`: those of `dq_engine`, under its names, and of the head behind it.

    Attributes:
        array: what is chosen.
        weight: bits of a weight.
        accumulator: bits of an accumulator.
        multiplier: bits of a multiplier.
        log_entries: of an activation's table: bits of a code before it.
        address: bits of an address of a word of maps.
        log_tiles: of the words of weights that the ring holds.
        segments: most segments of one instruction.
        head: of the head; None where none is built.
    """

    array: Array
    weight: int = 8
    accumulator: int = 32
    multiplier: int = 24
    log_entries: int = 10
    address: int = 16
    log_tiles: int = 8
    segments: int = 8
    head: HeadSizes | None = None

    def verilog_parameters(self) -> dict[str, int]:
        """The parameters as `dq_detector` names them."""
        own = {one.name.upper(): getattr(self, one.name) for one in fields(self) if one.name not in ("array", "head")}
        head = {"HEAD": int(self.head is not None), **(self.head or HeadSizes()).verilog_parameters()}
        return {"ICP": self.array.icp, "OCP": self.array.ocp, "LANES": self.array.lanes, **own, **head}

    def package(self) -> str:
        """The text of the only file of RTL that is generated: the package ``dq_config``."""
        lines = [f"  localparam int {name} = {value};" for name, value in self.verilog_parameters().items()]
        told = "// The engine's configuration. Every width is computed from the program; see manifest.json."
        return "\n".join([told, "package dq_config;", *lines, "endpackage", ""])
