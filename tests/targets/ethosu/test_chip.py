"""Names of NPUs, systems and memories: what goes together, and what is said of what does not."""

from __future__ import annotations

import configparser

import pytest

from detquant.errors import OptionError
from detquant.targets import load_target
from detquant.targets.ethosu import chip as names
from detquant.targets.ethosu.chip import ACCELERATORS, Chip

MINE = """
[System_Config.My_Board]
core_clock=400e6
axi0_port=Sram
axi1_port=OffChipFlash

[Memory_Mode.Half]
const_mem_area=Axi1
arena_mem_area=Axi0
cache_mem_area=Axi0

[Memory_Mode.All]
inherit=Memory_Mode.Half
"""


def test_what_is_not_said_is_as_vela_has_it():
    assert Chip().asked() == Chip() and Chip().title == "Ethos-U55-256"
    large = Chip().asked(accelerator="Ethos-U85-512")
    assert (large.accelerator, large.system, large.memory) == (
        "ethos-u85-512",
        "Ethos_U85_SYS_DRAM_Mid",
        "Dedicated_Sram_384KB",
    )
    flash = Chip().asked(accelerator="ethos-u85-256", system_config="Ethos_U85_SYS_Flash_Low")
    assert flash.memory == "Shared_Sram"  # Vela's usual one keeps maps in a DRAM that is not there
    assert Chip().arguments == (
        *("--accelerator-config", "ethos-u55-256", "--config", "Arm/vela.ini"),
        *("--system-config", "Ethos_U55_High_End_Embedded", "--memory-mode", "Shared_Sram"),
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"accelerator": "ethos-u56-128"}, "did you mean 'ethos-u"),
        ({"system_config": "Ethos_U55_Deep"}, "Unknown system configuration"),
        ({"system_config": "Ethos_U85_SYS_DRAM_Low"}, "is not of ethos-u55-256: choose one of Ethos_U55_Deep"),
        ({"memory_mode": "SharedSram"}, "did you mean 'Shared_Sram'"),
        ({"memory_mode": "Dedicated_Sram"}, "has flash there: choose Sram_Only or Shared_Sram"),
        ({"vela_config": "nowhere.ini"}, "cannot be read as a configuration of Vela's"),
        ({"vela_config": "board.txt"}, "has to end in .ini"),
    ],
)
def test_what_does_not_go_together_is_said(asked, said):
    with pytest.raises(OptionError, match=said):
        Chip().asked(**asked)


def test_a_board_of_ones_own(tmp_path):
    file = tmp_path / "board.ini"
    file.write_text(MINE)
    with pytest.raises(OptionError, match=r"more than one memory mode, Half, All: say which, with --memory-mode"):
        Chip().asked(vela_config=file)
    with pytest.raises(OptionError, match=r"Unknown system configuration in 'board\.ini' 'My_Bord': did you mean"):
        Chip().asked(vela_config=file, system_config="My_Bord", memory_mode="All")
    mine = Chip().asked(accelerator="ethos-u55-64", vela_config=file, memory_mode="All")
    assert (mine.system, mine.memory, mine.config) == ("My_Board", "All", file)
    file.write_text("[Memory_Mode.All]\n")
    with pytest.raises(OptionError, match=r"has no system configuration: a section \[System_Config\.NAME\]"):
        Chip().asked(vela_config=file)
    file.write_text("not a configuration")
    with pytest.raises(OptionError, match="cannot be read as a configuration of Vela's: MissingSectionHeader"):
        Chip().asked(vela_config=file)


def test_the_target_hands_its_options_on_and_has_no_others():
    target = load_target("ethosu")
    assert target.with_options() is target
    assert target.with_options(accelerator="ethos-u65-256").chip.title == "Ethos-U65-256"
    with pytest.raises(OptionError, match="Target ethosu has no --array"):
        target.with_options(accelerator="ethos-u65-256", array="8x8")
    with pytest.raises(OptionError, match="Target ort has no --accelerator"):
        load_target("ort").with_options(accelerator="ethos-u65-256")


def test_the_tables_are_those_of_the_vela_that_is_installed():
    pytest.importorskip("ethosu.vela", reason="the extra ethosu is not installed")
    from ethosu.vela.architecture_features import CONFIG_FILES_PATH, Accelerator

    assert set(ACCELERATORS) == set(Accelerator.member_list())
    theirs = configparser.ConfigParser()
    theirs.read(f"{CONFIG_FILES_PATH}/{names.ARM}")
    ports = {
        one.removeprefix("System_Config."): theirs[one]["axi1_port"]
        for one in theirs.sections()
        if one.startswith("System_Config.")
    }
    assert ports == {
        **dict.fromkeys(names.WITH_FLASH, "OffChipFlash"),
        **dict.fromkeys(names.WITH_DRAM, "Dram"),
    }
    modes = {one.removeprefix("Memory_Mode.") for one in theirs.sections() if one.startswith("Memory_Mode.")}
    assert modes == {*names.IN_SRAM, *names.IN_DRAM}
