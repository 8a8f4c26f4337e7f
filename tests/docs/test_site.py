"""The site as it is built: without a warning, without anything from elsewhere, and it works from disk."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from told import ROOT

from detquant.numerics import QType, QuantSpec, dequantize, grid_from_range, quantize

NEEDED = ("sphinx", "myst_nb", "pydata_sphinx_theme")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = ROOT / "tests/report/html/axe/node_modules/axe-core/axe.min.js"
LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "link": "href",
    "object": "data",
    "embed": "src",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as `make docs` does it."""
    if missing := [name for name in NEEDED if not find_spec(name)]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    out = tmp_path_factory.mktemp("site")
    options = re.search(r"-m sphinx (.*) docs docs/_build/html", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert options and "-W" in options[1] and "-n" in options[1]
    command = [sys.executable, "-m", "sphinx", *options[1].split(), "-d", str(out / "trees"), "docs", str(out / "html")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0 and not run.stderr.strip(), run.stderr
    return out / "html"


class Parts(HTMLParser):
    """What a page loads, where it leads, and the places in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given["id"]} if "id" in given else set()
        if tag in LOADS and LOADS[tag] in given:
            self.loads.append(given[LOADS[tag]])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


def parts(page: Path) -> Parts:
    found = Parts()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def test_nothing_is_loaded_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 60
    for page in pages:
        away = [one for one in parts(page).loads if re.match(r"(https?:)?//", one)]
        assert not away, f"{page.name} loads {away}"
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", text), sheet.name


def test_each_link_within_leads_to_a_place(site):
    known = {page.resolve(): parts(page) for page in site.rglob("*.html")}
    for page, found in known.items():
        for link in found.links:
            at = urlsplit(link)
            if at.scheme or at.netloc:
                continue
            target = (page.parent / unquote(at.path)).resolve() if at.path else page
            assert target.is_file(), f"{page.name}: {link}"
            if at.fragment and target in known:
                assert unquote(at.fragment) in known[target].places, f"{page.name}: {link}"


def test_no_page_is_left_out_of_the_menu(site):
    menu = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {"start.html", "decide.html", "frameworks.html", "help/no-boxes.html", "reference/api.html"} <= menu
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for word in ("runtimes/openvino", "concepts/silu", "families/rt-detr"):
        assert f'"{word}"' in index
    api = (site / "reference/api.html").read_text(encoding="utf-8")
    assert 'id="detquant.quantize"' in api and "Examples" in api
    options = (site / "reference/commands.html").read_text(encoding="utf-8")
    assert "--max-drop" in options and "--simulator" in options


# ---------------------------------------------------------------- in a browser, from disk, without a network


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    if CHROMIUM is None or not find_spec("playwright"):
        pytest.skip("needs Chromium, and playwright to drive it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, site) -> Iterator[Any]:
    """A page without a network; it must complain of nothing."""
    context = browser.new_context(offline=True)
    opened, wrong, asked = context.new_page(), [], []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    opened.on("request", lambda one: asked.append(one.url) if one.url.startswith("http") else None)
    yield opened
    context.close()
    assert not wrong and not asked


def test_the_number_line_counts_as_detquant_does(page, site):
    page.goto((site / "concepts/scale.html").as_uri())
    numbers = np.linspace(-7, 7, 57, dtype=np.float32)
    for low, high, symmetric in ((-1, 1, False), (-1, 1, True), (0, 6, False), (-0.2785, 4, False), (-3, 0.5, True)):
        for bits in (2, 3, 4, 8):
            grid = grid_from_range(low, high, QuantSpec(qtype=QType(bits, signed=symmetric), symmetric=symmetric))
            codes = quantize(numbers, grid)
            there = page.evaluate(
                """([low, high, symmetric, bits, numbers]) => {
                    const line = window.dqNumberLine, grid = line.fromRange(low, high, symmetric, bits);
                    const codes = numbers.map((one) => line.encode(one, grid));
                    const real = codes.map((one) => line.decode(one, grid));
                    return {scale: grid.scale, zero: grid.zero, codes, real};
                }""",
                [low, high, symmetric, bits, numbers.tolist()],
            )
            assert there["scale"] == float(grid.scale) and there["zero"] == int(grid.zero_point)
            assert there["codes"] == codes.tolist() and there["real"] == dequantize(codes, grid).tolist()


def test_the_number_line_moves(page, site):
    page.goto((site / "concepts/scale.html").as_uri())
    page.click("text=-1..1 symmetric")
    page.fill("#dq-line input[name=bits]", "8")
    assert page.text_content("#dq-line output[name=scale-said]") == "0.007874"
    page.fill("#dq-line input[name=number]", "7")
    assert "the code 127" in page.text_content("#dq-line .dq-said")
    assert "clipped" in page.text_content("#dq-line .dq-said")


def test_fewer_bits_show_other_boxes(page, site):
    page.goto((site / "concepts/bits.html").as_uri())
    said = []
    for place in ("0", "7"):
        page.fill("#dq-boxes input[name=view]", place)
        said.append(page.text_content("#dq-boxes .dq-said"))
    assert said[0].startswith("2 bits: ") and said[1].startswith("float, 32 bits: ") and said[0][7:] != said[1][15:]
    page.fill("#dq-boxes input[name=least]", "0.95")
    assert page.locator("#dq-boxes rect.dq-right").count() < 3


CUT = """() => {
    const wide = document.documentElement.clientWidth, main = document.querySelector("main"), found = [];
    const scrolls = (one) => one !== main && one !== null && ((!one.querySelector("h1")
        && ["auto", "scroll"].includes(getComputedStyle(one).overflowX)) || scrolls(one.parentElement));
    for (const one of main.querySelectorAll("*")) {
        const box = one.getBoundingClientRect();
        if (box.width && box.right > wide + 1 && !scrolls(one.parentElement))
            found.push(`${one.tagName}.${one.className}: ${one.textContent.trim().slice(0, 40)}`);
    }
    return [document.documentElement.scrollWidth > wide, ...found.slice(0, 3)];
}"""
NARROW = ("index", "decide", "concepts/bits", "concepts/decode-tail", "reference/commands", "reference/api", "results")


def test_a_telephone_cuts_nothing_off(page, site):
    page.set_viewport_size({"width": 360, "height": 800})
    for name in NARROW:  # one of each kind; what is wider than the page scrolls by itself
        page.goto((site / f"{name}.html").as_uri(), wait_until="domcontentloaded")
        assert page.evaluate(CUT) == [False], name


@pytest.mark.parametrize(("name", "scheme"), [("decide", "light"), ("concepts/scale", "dark")])
def test_what_is_ours_keeps_nobody_out(browser, site, name, scheme):
    if not AXE.is_file():
        pytest.skip("axe-core is not there: run  make browser  where npm is")
    context = browser.new_context(offline=True, color_scheme=scheme)
    page = context.new_page()
    page.goto((site / f"{name}.html").as_uri(), wait_until="domcontentloaded")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run('.bd-article', { preload: false })")  # the menus around it are the theme's
    assert len(found["passes"]) > 10
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], one["nodes"][0]["html"][:200]) for one in serious]
    context.close()


def test_the_labels_of_the_number_line_can_be_read_on_a_telephone(page, site):
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto((site / "concepts/scale.html").as_uri(), wait_until="domcontentloaded")
    for grid in ("-1..1 asymmetric", "SiLU up to 4"):
        page.click(f"text={grid}")
        boxes = page.evaluate(
            """() => [...document.querySelectorAll("#dq-line svg text")].map((one) => {
                const { left, right, top, bottom } = one.getBoundingClientRect();
                return [left, right, top, bottom];
            }).sort((a, b) => a[2] - b[2] || a[0] - b[0])"""
        )
        assert len(boxes) > 5 and all(bottom - top > 9 and right <= 360 for _, right, top, bottom in boxes)
        rows = [(one, other) for one, other in itertools.pairwise(boxes) if one[2] == other[2]]
        assert rows and all(one[1] < other[0] for one, other in rows), grid


def test_paper_is_light(browser, site):
    context = browser.new_context(offline=True, color_scheme="dark")
    page = context.new_page()
    page.goto((site / "concepts/qat.html").as_uri())
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(media="print")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    assert page.evaluate(ground) == "rgb(255, 255, 255)" != dark
    page.emulate_media(media="screen")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    context.close()


def test_the_search_works_from_disk(browser, site):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((site / "search.html").as_uri() + "?q=zero+point")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert page.locator("#search-results li a").count() > 2
    context.close()
