"""The directives: Markdown told by the code is read where it stands; SVG and small programs are put into the page."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from detquant_docs.commands import commands
from detquant_docs.families import family_facts
from detquant_docs.tables import TABLES

DOCS = Path(__file__).parents[2]
PICTURES, PLAY = DOCS / "pictures", DOCS / "play"


class _Markdown(SphinxDirective):
    """Markdown that is made when the page is read."""

    required_arguments = 1

    def lines(self) -> list[str]:
        """Markdown, line by line."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """The nodes that the lines stand for."""
        parent = nodes.container()
        parent["classes"] = [f"detquant-{self.name}"]
        self.state.nested_parse(StringList(self.lines(), self.name), self.content_offset, parent)
        return [parent]


class CodeTable(_Markdown):
    """A table of `TABLES`, as the code has it."""

    def lines(self) -> list[str]:
        """The table."""
        return TABLES[self.arguments[0]]()


class FamilyFacts(_Markdown):
    """What the code knows of a family."""

    def lines(self) -> list[str]:
        """Its facts."""
        return family_facts(self.arguments[0])


class Picture(SphinxDirective):
    """An SVG of `docs/pictures`, with what it shows said below it; it takes the colours of the page."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The figure."""
        path = PICTURES / f"{self.arguments[0]}.svg"
        self.env.note_dependency(str(path))
        figure = nodes.container(classes=["detquant-picture"])
        figure += nodes.raw("", path.read_text(encoding="utf-8"), format="html")
        caption = nodes.container(classes=["detquant-caption"])
        self.state.nested_parse(self.content, self.content_offset, caption)
        figure += caption
        return [figure]


class Play(SphinxDirective):
    """A small program of `docs/play` to play with; `{{data}}` in it becomes the JSON beside it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The program, in the page: nothing is loaded."""
        path = PLAY / f"{self.arguments[0]}.html"
        self.env.note_dependency(str(path))
        text = path.read_text(encoding="utf-8")
        data = path.with_suffix(".json")
        self.env.note_dependency(str(data))
        if data.is_file():
            text = text.replace("{{data}}", data.read_text(encoding="utf-8").strip().replace("</", "<\\/"))
        return [nodes.raw("", text, format="html")]


class Notebooks(_Markdown):
    """The notebooks that `conf.py` has found beside the code."""

    required_arguments = 0

    def lines(self) -> list[str]:
        """A list of them for the menu, or that there is none."""
        found = sorted((DOCS / "notebooks").glob("*.ipynb"))
        if not found:
            return ["It is not in this checkout."]
        return ["```{toctree}", *(f"notebooks/{path.stem}" for path in found), "```"]


class Commands(_Markdown):
    """All commands, a section each."""

    required_arguments = 0

    def lines(self) -> list[str]:
        """The sections."""
        return commands()

    def run(self) -> list[nodes.Node]:
        """The sections, as those of the page itself."""
        parent = nodes.Element()
        self.state.nested_parse(StringList(self.lines(), self.name), self.content_offset, parent, match_titles=True)
        return parent.children
