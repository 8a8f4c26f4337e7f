"""Which Ethos-U, and the memories around it: what Vela calls accelerator, system configuration and memory mode.

The names are those of Vela's ``Arm/vela.ini``, which makes clocks, ports and bandwidths of them; who has the ``.ini``
of a chip of one's own takes the names in that.
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from detquant.errors import OptionError, in_short, unknown_name
from detquant.untrusted import read_text

ARM = "Arm/vela.ini"
"""Vela's own configuration, which its ``--config`` knows by this name."""

MACS = {"u55": (32, 64, 128, 256), "u65": (256, 512), "u85": (128, 256, 512, 1024, 2048)}
"""The NPUs, and how many multipliers each can have."""

ACCELERATORS = tuple(f"ethos-{npu}-{macs}" for npu, sizes in MACS.items() for macs in sizes)

USUAL = "ethos-u55-256"

USUAL_SYSTEM = {"u55": "Ethos_U55_High_End_Embedded", "u65": "Ethos_U65_Client_Server", "u85": "Ethos_U85_SYS_DRAM_Mid"}
USUAL_MEMORY = {"u55": "Shared_Sram", "u65": "Dedicated_Sram_384KB", "u85": "Dedicated_Sram_384KB"}
"""What Vela takes where nothing is said, by the NPU."""

WITH_FLASH = (
    "Ethos_U55_Deep_Embedded",
    "Ethos_U55_High_End_Embedded",
    "Ethos_U65_Embedded",
    "Ethos_U85_SYS_Flash_Low",
    "Ethos_U85_SYS_Flash_High",
)
WITH_DRAM = (
    "Ethos_U65_Mid_End",
    "Ethos_U65_High_End",
    "Ethos_U65_Client_Server",
    "Ethos_U85_SYS_DRAM_Low",
    "Ethos_U85_SYS_DRAM_Mid",
    "Ethos_U85_SYS_DRAM_High",
)
"""Arm's systems by what is behind their second port."""

IN_SRAM = ("Sram_Only", "Shared_Sram")
IN_DRAM = ("Dedicated_Sram", "Dedicated_Sram_256KB", "Dedicated_Sram_384KB", "Dedicated_Sram_512KB")
"""Arm's memory modes by where the maps are kept."""

LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Chip:
    """An Ethos-U in a system.

    Attributes:
        accelerator: one of ACCELERATORS.
        system: name of the system configuration.
        memory: name of the memory mode.
        config: the ``.ini`` that has these names; None for Vela's own.
    """

    accelerator: str = USUAL
    system: str = USUAL_SYSTEM["u55"]
    memory: str = USUAL_MEMORY["u55"]
    config: Path | None = None

    @property
    def npu(self) -> str:
        """A key of MACS."""
        return self.accelerator.split("-")[1]

    @property
    def title(self) -> str:
        """What to call the NPU in a sentence: "Ethos-U55-128"."""
        return f"Ethos-{self.accelerator.removeprefix('ethos-').upper()}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What Vela is given on its command line."""
        config = str(self.config) if self.config is not None else ARM
        said = (("accelerator-config", self.accelerator), ("config", config), ("system-config", self.system))
        return tuple(word for name, value in (*said, ("memory-mode", self.memory)) for word in (f"--{name}", value))

    def asked(
        self,
        accelerator: str | None = None,
        system_config: str | None = None,
        memory_mode: str | None = None,
        vela_config: str | Path | None = None,
    ) -> Self:
        """This chip as it was asked for; what is not said is as Vela has it for the NPU.

        Raises:
            OptionError: there is no such name, or two of them do not go together.
        """
        named = accelerator.lower() if accelerator is not None else self.accelerator
        if named not in ACCELERATORS:
            raise OptionError(unknown_name("accelerator of Ethos-U", accelerator or "", ACCELERATORS))
        npu = named.split("-")[1]
        if vela_config is not None:
            path = Path(vela_config)
            system, memory = _of_file(path, system_config, memory_mode)
            return replace(self, accelerator=named, system=system, memory=memory, config=path.absolute())
        system = system_config or USUAL_SYSTEM[npu]
        if system not in (*WITH_FLASH, *WITH_DRAM):
            raise OptionError(unknown_name("system configuration", system, (*WITH_FLASH, *WITH_DRAM)))
        if f"_{npu.upper()}_" not in system:
            theirs = ", ".join(name for name in (*WITH_FLASH, *WITH_DRAM) if f"_{npu.upper()}_" in name)
            raise OptionError(f"System configuration {system} is not of {named}: choose one of {theirs}.")
        memory = memory_mode or (IN_SRAM[1] if system in WITH_FLASH else USUAL_MEMORY[npu])
        if memory not in (*IN_SRAM, *IN_DRAM):
            raise OptionError(unknown_name("memory mode", memory, (*IN_SRAM, *IN_DRAM)))
        if memory in IN_DRAM and system in WITH_FLASH:
            raise OptionError(
                f"Memory mode {memory} keeps maps in DRAM, and {system} has flash there: choose "
                f"{' or '.join(IN_SRAM)}, or a system configuration with DRAM."
            )
        return replace(self, accelerator=named, system=system, memory=memory, config=None)


def _of_file(path: Path, system: str | None, memory: str | None) -> tuple[str, str]:
    """The names in a configuration of one's own: those that were asked for, or the only ones.

    Raises:
        OptionError: the file cannot be read, or does not have them.
    """
    if path.suffix != ".ini":
        raise OptionError(f"'{path}' is no configuration of Vela's: its name has to end in .ini.")
    read = configparser.ConfigParser(interpolation=None)
    try:
        read.read_string(read_text(path, LARGEST))
    except (OSError, ValueError, configparser.Error) as error:
        raise OptionError(f"'{path}' cannot be read as a configuration of Vela's: {in_short(error)}.") from error
    sections = read.sections()
    found = _one(path, sections, "System_Config.", "system configuration", "--system-config", system)
    return found, _one(path, sections, "Memory_Mode.", "memory mode", "--memory-mode", memory)


def _one(path: Path, sections: list[str], start: str, what: str, option: str, asked: str | None) -> str:
    names = [one.removeprefix(start) for one in sections if one.startswith(start)]
    if not names:
        raise OptionError(f"'{path}' has no {what}: a section [{start}NAME] was expected.")
    if asked is not None and asked not in names:
        raise OptionError(unknown_name(f"{what} in '{path.name}'", asked, names))
    if asked is None and len(names) > 1:
        raise OptionError(f"'{path}' has more than one {what}, {', '.join(names)}: say which, with {option}.")
    return asked or names[0]
