"""What README and the pages tell to type: blocks of code with where they stand, and commands within a sentence."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)```+(\S*)[^\n]*\n(.*?)^ *```+$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code.

    Attributes:
        page: path from the root of the repository.
        line: where it begins.
        language: what the fence says.
        text: without indentation.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """A line of a shell.

    Attributes:
        where: page and line.
        words: as a shell splits them.
        inline: whether it stands in a sentence, where names in capitals stand for those of files.
    """

    where: str
    words: tuple[str, ...]
    inline: bool = False

    @property
    def page(self) -> str:
        return self.where.partition(":")[0]

    def __str__(self) -> str:
        return f"{self.where} {shlex.join(self.words)}"


@cache
def pages() -> tuple[Path, ...]:
    """README and all pages."""
    found = (path for path in (ROOT / "docs").rglob("*.md") if not {"_build", "notebooks"} & {*path.parts})
    more = (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "training/README.md"))
    return (*more, *sorted(found))


@cache
def blocks() -> tuple[Block, ...]:
    """All blocks of code."""
    return tuple(block for page in pages() for block in _blocks_of(page))


@cache
def commands() -> tuple[Command, ...]:
    """All lines of shells, and what sentences name of the program itself."""
    return tuple([*_in_blocks(), *_in_sentences()])


def _blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        indent, language, inside = found.groups()
        lines = [line.removeprefix(indent) for line in inside.splitlines()]
        number = text.count("\n", 0, found.start()) + 1
        yield Block(page.relative_to(ROOT).as_posix(), number, language, "\n".join(lines) + "\n")


def _in_blocks() -> Iterator[Command]:
    for block in blocks():
        if block.language == "sh":
            lines = block.text.replace("\\\n", " ").splitlines()
            for line in lines:
                if words := shlex.split(line, comments=True):
                    yield Command(str(block), tuple(words))


def _in_sentences() -> Iterator[Command]:
    for page in pages():
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        for found in INLINE.finditer(text):
            words = (
                shlex.split(found[1].replace("'", "")) if found[1].startswith(("detquant ", "python ", "make ")) else []
            )
            if words:
                yield Command(page.relative_to(ROOT).as_posix(), tuple(words), inline=True)
