"""The page in a real browser, opened from disk without a network: it works, it breaks no rule, and is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser import Opened, started
from full_report import CLASSES, chosen, full, pictures

from detquant.report.html import Run, runs_to_html, to_html

DARK = {"color_scheme": "dark"}
PANES = "[...document.querySelector('.compare').querySelectorAll('.pane')]"
PLACES = f"{PANES}.map((one) => JSON.stringify(one.querySelector('svg').getBoundingClientRect()))"
CLIPS = f"{PANES}.map((one) => getComputedStyle(one).clipPath)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as one:
        yield one


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture
def file(report, folder) -> Path:
    path = folder / "report.html"
    if not path.exists():  # all tests look at one page
        path.write_text(to_html(full(report), pictures()), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, file) -> Iterator[Opened]:
    one = Opened(browser, file)
    yield one
    one.context.close()
    assert one.errors == []
    assert [url for url in one.asked if not url.startswith(("file:", "data:"))] == []


def texts(one: Opened, selector: str) -> list[str]:
    return [text.strip() for text in one.within(selector).all_inner_texts()]


def test_it_opens_without_an_error_and_obeys_its_policy(opened):
    assert opened.page.title() == "yolo_n|ano.onnx: detquant"
    assert opened.within("section.view").count() == 9
    assert opened.within(".picture image").first.bounding_box()["width"] > 100
    opened.page.evaluate("new Image().src = 'https://example.invalid/x.png'")
    opened.page.wait_for_timeout(100)
    assert any("CSP: https://example.invalid/x.png" in error for error in opened.errors)  # so what is watched is seen
    opened.errors.clear()
    opened.asked.remove("https://example.invalid/x.png")  # and was asked for, of nobody


def test_tables_are_sorted_and_filtered(opened):
    table = ".parts table:has(caption:text-is('By class'))"
    header = opened.within(f"{table} thead th:has-text('objects') button")
    header.click()
    column = f"{table} tbody td:nth-child(2)"
    assert texts(opened, column) == ["862", "802", "796", "603", "523", "0"]
    header.click()
    assert texts(opened, column)[0] == "0"
    assert opened.within(f"{table} thead th[aria-sort=ascending]").inner_text().strip() == "objects"
    change = opened.within(f"{table} thead th:has-text('change') button")
    for _ in range(2):  # what is not known stays last
        change.focus()
        opened.page.keyboard.press("Enter")
        assert texts(opened, f"{table} tbody th")[-1] == "never there"
    tensors = opened.within(".tensors tbody tr:visible")
    assert tensors.count() == 40
    opened.page.get_by_label("Filter tensors").fill("weight model.0")
    assert tensors.count() == 1 and "1 of 40" in opened.within(".layers .filter").inner_text()


def test_the_slider_divides_the_picture(opened):
    assert opened.within(".seen .divide").count() == 6
    slider = opened.within(".seen .divide").first
    slider.focus()
    assert opened.page.evaluate(CLIPS) == ["inset(0px 50% 0px 0px)", "inset(0px 0px 0px 50%)"]
    opened.page.keyboard.press("End")
    assert opened.page.evaluate(CLIPS) == ["inset(0px 0% 0px 0px)", "inset(0px 0px 0px 100%)"]
    assert slider.get_attribute("aria-valuetext") == "100 % float, 0 % quantised"
    before, after = opened.page.evaluate(PLACES)
    assert before == after  # they lie over each other
    box = opened.within(".compare .panes").first.bounding_box()
    height = box["y"] + box["height"] - 20
    opened.page.mouse.move(box["x"] + box["width"] * 0.5, height)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + box["width"] * 0.25, height)
    opened.page.mouse.up()
    assert slider.input_value() == "25"
    opened.page.get_by_role("button", name="Side by side").click()
    before, after = opened.page.evaluate(PLACES)
    assert before != after and not slider.is_visible() and opened.page.evaluate(CLIPS) == ["none", "none"]


def test_the_curves_are_read_off(opened):
    opened.within(".threshold .confidence").fill("0.5")
    assert "float: precision 78.8 %, recall 61.7 %, F1 69.2 %" in opened.within(".threshold .read").inner_text()
    assert opened.within(".threshold output").inner_text() == "0.500"
    assert opened.within(".curves .reading").first.get_attribute("x1") == "183"


def test_a_bar_opens_its_tensor_and_details_their_tables(opened):
    opened.within(".losses .bar").nth(3).click()
    assert opened.within(".tensors tr.shown details[open] svg.grid-picture").is_visible()
    opened.within(".graph details summary").click()
    assert opened.within(".blocks tbody tr").first.is_visible()
    opened.page.get_by_label("error", exact=True).check()
    assert (
        opened.within(".block .of-error").first.is_visible()
        and not opened.within(".block .of-precision").first.is_visible()
    )


def test_light_and_dark(browser, file):
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = Opened(browser, file), Opened(browser, file, **DARK)
    assert light.page.evaluate(ground) == "rgb(246, 247, 248)" and dark.page.evaluate(ground) == "rgb(18, 22, 26)"
    light.within(".theme").click()
    assert light.page.evaluate(ground) == "rgb(18, 22, 26)"
    assert light.within(".theme").get_attribute("aria-pressed") == "true"
    light.within(".theme").click()
    dark.within(".theme").click()
    assert light.page.evaluate(ground) == dark.page.evaluate(ground) == "rgb(246, 247, 248)"
    assert light.errors == dark.errors == []


def test_without_javascript_all_is_there(browser, file, report):
    one = Opened(browser, file, java_script_enabled=False)
    assert one.within("table").count() == file.read_text(encoding="utf-8").count("<table")
    assert one.within(".pane .picture:visible").count() == 12 and one.within("[type=range]:visible").count() == 0
    left, right = (one.within(".compare").first.locator(f".{side} svg").bounding_box() for side in ("before", "after"))
    assert left["x"] + left["width"] <= right["x"] and left["y"] == right["y"]
    one.page.get_by_label("error", exact=True).check()
    assert one.within(".block .of-error").first.is_visible()
    one.within(".tensors summary").first.click()
    assert one.within(".tensors svg.grid-picture").first.is_visible()
    assert CLASSES[0] in one.within(".parts").inner_text()
    assert one.errors == []


@pytest.mark.parametrize("size", [(1400, 1000), (390, 844)], ids=["wide", "narrow"])
def test_it_is_seen_and_fits(browser, file, size):
    one = Opened(browser, file, viewport={"width": size[0], "height": size[1]})
    image = cv2.imdecode(np.frombuffer(one.page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[:2] == size[::-1]
    colours = image.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    assert len(np.unique(colours)) > 50 and 0.005 < (image.max(axis=2) < 120).mean() < 0.3
    assert one.page.evaluate("document.documentElement.scrollWidth") <= size[0]  # tables scroll, the page does not
    shown = one.within(".seen svg.picture").first
    shown.scroll_into_view_if_needed()
    picture = cv2.imdecode(np.frombuffer(shown.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert picture.std() > 20


def test_paper(browser, file):
    one = Opened(browser, file, viewport={"width": 718, "height": 1047}, **DARK)  # A4 within its margins
    one.page.emulate_media(media="print")
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 718
    assert one.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not one.within("nav").is_visible() and one.within(".divide:visible").count() == 0
    assert one.page.pdf(format="A4").count(b"/Type /Page\n") > 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, report, tmp_path, scheme):
    small = full(report, tensors_=4, blocks_=5, images=2)  # as every mark and table is there once, more would take long
    runs = [Run(title="mine", report=small, pictures=pictures(2)), Run(title="choice", report=chosen(report))]
    file = tmp_path / "two.html"
    file.write_text(runs_to_html(runs, "two"), encoding="utf-8")
    one = Opened(browser, file, color_scheme=scheme)
    one.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert one.findings() == [] and one.errors == []


@pytest.mark.parametrize("width", [1200, 360])
def test_tables_of_classes_are_seen_whole_or_scrolled(browser, file, width):
    one = Opened(browser, file, viewport={"width": width, "height": 900})
    sizes = one.page.evaluate(
        "[...document.querySelectorAll('.parts .wide')].map((e) => [e.clientWidth, e.scrollWidth])"
    )
    page = one.page.evaluate("document.documentElement.scrollWidth")
    one.context.close()
    assert len(sizes) == 2 and page <= width
    assert all(scrolled <= there for there, scrolled in sizes) == (width == 1200)
