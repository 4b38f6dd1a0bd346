"""A contact sheet shows the stimuli pixel for pixel, in order, as a picture and as a page."""

from __future__ import annotations

import base64
import doctest
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from stimuli import contact_sheet
from stimuli.conditions import Condition, ConditionsFile
from stimuli.contact_sheet import WIDEST, Layout, Sheet, draw, make_sheet, page
from stimuli.measures import mean_luminance, rms_contrast, ssim
from stimuli.perturbations import PERTURBATIONS
from stimuli.picture_sample import Picture
from stimuli.sources.folder import Source

SIZE = 48


def picture(seed: int, concept: str) -> Picture:
    pixels = np.random.default_rng(seed).integers(40, 200, (SIZE, SIZE, 3), dtype=np.uint8)
    return Picture(
        Source(f"{concept}/{seed}.png", f"{seed:x}".ljust(64, "0"), concept, f"{seed}"), HOW, pixels
    )


HOW = ConditionsFile(
    SIZE,
    (),
    (
        Condition("clean"),
        *(Condition("contrast", severity) for severity in (0.1, 0.4, 0.2)),
        Condition("gaussian_noise", 0.38),
        Condition("gaussian_noise", 0.18),
    ),
)
PICTURES = [picture(1, "cat"), picture(2, "<b>tea & milk</b>")]


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    return make_sheet(PICTURES, HOW, seed=3)


class Tags(HTMLParser):
    """What is in a page: images, radio buttons and their labels, addresses, scripts, tags left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.inputs: list[str] = []
        self.labels: list[str] = []
        self.sections: list[str] = []
        self.names: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.names.append(tag)
        if tag not in {"meta", "img", "input"}:
            self.open.append(tag)
        if tag == "img":
            self.images.append(values)
        if tag == "input":
            self.inputs.append(values["id"])
        if tag == "label":
            self.labels.append(values["for"])
        if tag == "section":
            self.sections.append(values["id"])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(contact_sheet).failed == 0


def test_families_come_in_the_registrys_order_and_severities_from_mild_to_strong(sheet: Sheet) -> None:
    assert [row.family.name for row in sheet.rows] == ["gaussian_noise", "contrast"]
    keys = [[cell.condition.key for cell in strip.cells] for row in sheet.rows for strip in row.strips]
    assert keys == 2 * [["clean", "gaussian_noise-0.18", "gaussian_noise-0.38"]] + 2 * [
        ["clean", "contrast-0.4", "contrast-0.2", "contrast-0.1"]
    ]


def test_measures_are_those_of_the_stimulus(sheet: Sheet) -> None:
    for row in sheet.rows:
        for strip, one in zip(row.strips, PICTURES, strict=True):
            for cell in strip.cells:
                assert cell.rms_contrast == rms_contrast(cell.image)
                assert cell.mean_luminance == mean_luminance(cell.image)
                assert cell.ssim == ssim(cell.image, one.clean)


def test_stimuli_are_on_the_picture_pixel_for_pixel(sheet: Sheet) -> None:
    layout, drawn = Layout.of(sheet), np.asarray(draw(sheet))
    assert drawn.shape == (layout.height, layout.width, 3)
    places = set()
    for number, row in enumerate(sheet.rows):
        for place, strip in enumerate(row.strips):
            for step, cell in enumerate(strip.cells):
                left, top = layout.place(number, place, step)
                assert np.array_equal(drawn[top : top + SIZE, left : left + SIZE], cell.image)
                places.add((left, top))
    assert len(places) == 14


@pytest.mark.parametrize("size", [32, 96, 288, 700])
@pytest.mark.parametrize("steps", [1, 5, 8, 20])
@pytest.mark.parametrize("pictures", [1, 3])
def test_a_sheet_is_no_wider_than_a_slide_and_nothing_overlaps(size: int, steps: int, pictures: int) -> None:
    pixels = np.zeros((size, size, 3), np.uint8)
    strip = contact_sheet.Strip(
        "cat",
        "cat/1.png",
        tuple(contact_sheet.Cell(Condition("clean"), pixels, 0, 0, 1, 0) for _ in range(steps + 1)),
    )
    row = contact_sheet.FamilyRows(PERTURBATIONS["contrast"], (strip,) * pictures)
    layout = Layout.of(Sheet((row, row), ConditionsFile(size), 0))
    assert layout.width <= max(WIDEST, 2 * size + 400)
    corners = [
        layout.place(number, place, step)
        for number in range(2) for place in range(pictures) for step in range(steps + 1)
    ]  # fmt: skip
    assert len(set(corners)) == len(corners)
    for left, top in corners:
        assert 0 <= left <= layout.width - size
        assert 0 <= top <= layout.height - size
        near = [other for other in corners if abs(other[0] - left) < size and abs(other[1] - top) < size]
        assert near == [(left, top)]


def test_the_page_holds_the_stimuli_and_loads_nothing(sheet: Sheet) -> None:
    text = page(sheet)
    tags = Tags(text)
    cells = [cell for row in sheet.rows for strip in row.strips for cell in strip.cells]
    assert len(tags.images) == len(cells)
    for image, cell in zip(tags.images, cells, strict=True):
        kind, _, data = image["src"].partition("base64,")
        assert kind == "data:image/png;"
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), cell.image)
    assert "script" not in tags.names
    assert not re.search(r"https?://|url\(|@import", text)
    assert not tags.open


def test_the_page_can_be_filtered_by_keyboard(sheet: Sheet) -> None:
    text = page(sheet)
    tags = Tags(text)
    assert tags.inputs == tags.labels
    assert tags.inputs == [
        "all",
        "group-noise",
        "group-light-and-digital",
        "only-gaussian-noise",
        "only-contrast",
    ]
    assert tags.sections == ["gaussian-noise", "contrast"]
    for name in tags.inputs[1:]:
        assert f"body:has(#{name}:checked) section:not(" in text


def test_pictures_are_described_in_words_and_text_is_escaped(sheet: Sheet) -> None:
    text = page(sheet)
    assert "<b>tea" not in text
    assert Tags(text).images[1]["alt"] == "cat, gaussian noise 0.18 fraction of full scale"
    assert Tags(text).images[0]["alt"] == "cat, clean"
    assert {image["width"] for image in Tags(text).images} == {str(SIZE)}


def test_names_that_cannot_be_printed_are_still_shown() -> None:
    odd = picture(1, "tea\nand\x07 milk")
    odd = replace(odd, source=replace(odd.source, path="tea/caf\udce9.png"))
    odd_sheet = make_sheet([odd], replace(HOW, conditions=HOW.conditions[:3]), 0)
    assert np.asarray(draw(odd_sheet)).any()
    text = page(odd_sheet).encode().decode()
    assert Tags(text).images[0]["alt"] == "tea?and? milk, clean"
    assert "tea/caf?.png" in text


def test_one_family_needs_no_filter() -> None:
    text = page(make_sheet(PICTURES[:1], replace(HOW, conditions=HOW.conditions[:3]), 0))
    assert not Tags(text).inputs
    assert "<h1>1 perturbation of 1 picture</h1>" in text
