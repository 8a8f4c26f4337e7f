"""Pages that lie elsewhere in the repository, put where a comment names them:  <!-- beside: CONTRIBUTING.md -->"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[3]
PLACE = re.compile(r"^<!-- beside: (\S+) -->$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?!https?:|#)[^)\s]+)\)")
PAGES = {"training/README.md": "/embedded-models.md", "src/detquant/targets/verilog/ARITHMETIC.md": "/arithmetic.md"}
"""Pages that are in the site under another name."""


def put_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Puts them in, when a page is read."""

    def page(found: re.Match[str]) -> str:
        path = ROOT / found[1]
        app.env.note_dependency(str(path))
        return of_the_site(path)

    source[0] = PLACE.sub(page, source[0])


def of_the_site(path: Path) -> str:
    """A page with its title left out, its headings as they are, and its links as they lead within the site."""
    text = path.read_text(encoding="utf-8").partition("\n")[2]

    def link(found: re.Match[str]) -> str:
        name, _, mark = found[2].partition("#")
        target = (path.parent / name).resolve().relative_to(ROOT).as_posix()
        if target in PAGES:
            return f"[{found[1]}]({PAGES[target]})"
        if target.startswith("docs/"):
            return f"[{found[1]}](/{target.removeprefix('docs/')}{'#' + mark if mark else ''})"
        return found[1]

    return LINK.sub(link, text)
