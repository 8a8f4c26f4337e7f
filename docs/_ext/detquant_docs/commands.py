"""The commands as their own definitions say them: what each takes, option by option, from what `--help` is made of."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

from cyclopts import App, Group
from cyclopts.argument import Argument, ArgumentCollection
from cyclopts.help import HelpEntry, create_parameter_help_panel

from detquant.cli import app
from detquant_docs.markdown import table

TOGETHER = "*"
"""The name of arguments that stand for the fields of a dataclass."""
KINDS = {"PATH": "path", "INT": "whole number", "FLOAT": "number", "STR": "text"}
"""What help calls values of which any will do."""
LISTED = {
    "FAMILY": "/reference/tables.md#families",
    "RECIPE": "/reference/tables.md#recipes",
    "TARGET": "/reference/tables.md#targets",
    "WORDS": "/reference/tables.md#words-of-reads",
}
"""Where the values are told that stand behind a word of help's."""
SEVERAL = "..."


def commands() -> list[str]:
    """A section for each command: what it does, how it is typed, its options."""
    return [line for name in app if not name.startswith("-") for line in _command(name, app[name])]


def _command(name: str, program: App) -> Iterator[str]:
    taken = [one for one in program.assemble_argument_collection(parse_docstring=True) if _is_shown(one)]
    places = [one for one in taken if not one.names[0].startswith("-")]
    options = [one for one in taken if one not in places]
    needed = [f"{one.names[0]} {_entry(one).metavar}" for one in options if one.required]
    names = [f"{one.names[0]}{' ...' if _is_several(_entry(one)) else ''}" for one in places]
    text = cleandoc(program.help or "").partition("\nArgs:")[0].strip()
    yield from (f"## {name}", "", text, "")
    yield from ("```text", " ".join(["detquant", name, *names, *needed, "[OPTIONS]"]), "```", "")
    yield from table(["", "takes", "by default", ""], [_row(one, _entry(one)) for one in [*places, *options]])
    yield ""


def _is_shown(argument: Argument) -> bool:
    return bool(argument.show) and argument.names[0] != TOGETHER


def _entry(argument: Argument) -> HelpEntry:
    """What help says of an argument."""
    [entry] = create_parameter_help_panel(Group("Options"), ArgumentCollection([argument]), "plaintext").entries
    return entry


def _row(argument: Argument, entry: HelpEntry) -> list[str]:
    names = ", ".join(f"`{name}`" for name in argument.names if not name.startswith("--no-"))
    default = "" if entry.default is None or not entry.metavar else f"`{entry.default}`"
    return [names, _takes(entry), "needed" if entry.required else default, argument.parameter.help or ""]


def _takes(entry: HelpEntry) -> str:
    """What an argument takes: its choices, or the word of help, which leads to the values where they are listed."""
    if entry.choices:
        return " or ".join(f"`{one}`" for one in entry.choices)
    word = (entry.metavar or "").removesuffix(SEVERAL)
    if word in KINDS or not word:
        said = KINDS.get(word, "")
    else:
        said = f"[`{word}`]({LISTED[word]})" if word in LISTED else f"`{word}`"
    return f"{said}, several" if _is_several(entry) else said


def _is_several(entry: HelpEntry) -> bool:
    return (entry.metavar or "").endswith(SEVERAL)
