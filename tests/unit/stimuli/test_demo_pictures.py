"""The demo's drawings, their renderings, and the folder made of them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stimuli.errors import UserError
from stimuli.files import sha256_of_file
from stimuli.pictures import load_picture
from stimuli.sources.artwork import CONCEPTS, DEFAULT_ARTWORK, HANDS, load_drawing
from stimuli.sources.demo import CATCH, PRACTICE, RENDERINGS, SIZE, demo_rendering, make_demo_pictures
from stimuli.sources.folder import scan
from stimuli.sources.rendering import Rendering, random_rendering, render

ARTWORK = Path(os.environ.get("INTERPSCORE_ARTWORK", str(DEFAULT_ARTWORK)))
PLAIN = Rendering((200, 150, 100), 0.0, 0.0, 1.0, 0.0, (1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def artwork() -> Path:
    if not (ARTWORK / "node_modules").is_dir():
        pytest.fail(f"the artwork is not in {ARTWORK}: run `make setup`, or set INTERPSCORE_ARTWORK")
    return ARTWORK


@pytest.fixture(scope="module")
def pictures(artwork: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "pictures"
    assert make_demo_pictures(out, artwork) == 12 * 4 * 4 + len(PRACTICE) + len(CATCH)
    return out


def disc() -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:100, :100] - 49.5
    inside = np.hypot(x, y) < 45
    pixels: npt.NDArray[np.uint8] = (inside[:, :, None] * np.array((250, 50, 20, 255))).astype(np.uint8)
    return pixels


@pytest.mark.parametrize("hand", list(HANDS))
@pytest.mark.parametrize("concept", list(CONCEPTS))
def test_every_hand_drew_every_concept(artwork: Path, hand: str, concept: str) -> None:
    drawing = load_drawing(artwork, hand, concept, 96)
    assert drawing.shape == (96, 96, 4)
    assert drawing.dtype == np.uint8
    drawn = drawing[:, :, 3] > 127
    assert 0.1 < drawn.mean() < 0.95
    extent = max(np.ptp(np.flatnonzero(drawn.any(axis=axis))) for axis in (0, 1))
    assert extent >= 0.95 * 95
    assert len(np.unique(drawing[drawn][:, :3], axis=0)) > 1


def test_no_two_drawings_are_alike(artwork: Path) -> None:
    drawings = [load_drawing(artwork, hand, concept, 48) for hand in HANDS for concept in CONCEPTS]
    assert len({drawing.tobytes() for drawing in drawings}) == 48


def test_missing_artwork_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        load_drawing(tmp_path, "twemoji", "dog", 64)
    assert str(error.value) == (
        f"the artwork {tmp_path / 'node_modules/@twemoji/svg'} is not there or lacks 1f436; "
        "run `make setup`, which fetches it"
    )


def test_a_drawing_is_put_where_it_is_told() -> None:
    picture = render(disc(), Rendering((200, 150, 100), 0.2, -0.1, 0.5, 0.0, (1.0, 0.5, 1.0)), 200)
    assert picture.shape == (200, 200, 3)
    drawn = np.argwhere(np.abs(picture.astype(int) - (200, 150, 100)).sum(axis=2) > 20)
    assert drawn.mean(axis=0) == pytest.approx((79.5, 139.5), abs=1)
    assert np.ptp(drawn[:, 0]) + 1 == pytest.approx(90, abs=3)
    assert tuple(picture[80, 140]) == (250, 25, 20)
    assert tuple(picture[0, 0]) == (200, 150, 100)


def test_turning_is_anticlockwise() -> None:
    drawing = np.zeros((100, 100, 4), np.uint8)
    drawing[40:60, 50:] = 255
    turned = render(drawing, Rendering((0, 0, 0), 0.0, 0.0, 1.0, 90.0, (1.0, 1.0, 1.0)), 100)
    assert turned[:45, 50].min() > 200
    assert turned[60:, 50].max() == 0


def test_random_renderings_are_fixed_by_their_generator() -> None:
    one, two = (random_rendering(np.random.default_rng(4)) for _ in range(2))
    assert one == two
    assert random_rendering(np.random.default_rng(5)) != one


@pytest.mark.parametrize("seed", range(20))
def test_random_renderings_keep_the_drawing_whole(seed: int) -> None:
    rendering = random_rendering(np.random.default_rng(seed))
    opaque = disc()
    opaque[:, :, :3] = np.where(opaque[:, :, 3:] > 0, 255 - np.array(rendering.background), 0)
    picture = render(opaque, rendering, 128)
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert np.all(edge == rendering.background)


def test_demo_renderings_differ() -> None:
    renderings = {
        demo_rendering(hand, concept, number)
        for hand in HANDS
        for concept in CONCEPTS
        for number in range(RENDERINGS)
    }
    assert len(renderings) == 12 * 4 * 4


def test_a_picture_of_the_demo_never_changes() -> None:
    assert demo_rendering("noto", "dog", 0).background == (34, 29, 64)


def test_the_folder_is_one_that_can_be_built_from(pictures: Path) -> None:
    sources, left_out = scan(pictures)
    assert left_out == []
    assert {source.concept for source in sources} == {
        *CONCEPTS,
        *(photograph.concept for photograph in (*PRACTICE, *CATCH)),
    }
    for hand in HANDS.values():
        rows = [source for source in sources if source.cluster == hand.name]
        assert len(rows) == 12 * RENDERINGS
        assert {row.licence for row in rows} == {hand.licence}


def test_every_picture_is_credited_without_its_concept(pictures: Path) -> None:
    with (pictures / "sources.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12 * 4 * 4 + len(PRACTICE) + len(CATCH)
    for row in rows:
        concept = row["path"].split("/")[0]
        assert row["licence"]
        assert row["credit_url"].startswith("https://")
        assert concept not in (row["credit"] + row["credit_url"] + row["licence"]).lower()


def test_drawings_have_the_size_of_a_stimulus(pictures: Path) -> None:
    assert load_picture(pictures / "dog/noto-0.png", SIZE).shape == (SIZE, SIZE, 3)


def test_a_second_folder_has_the_same_bytes(pictures: Path, artwork: Path, tmp_path: Path) -> None:
    make_demo_pictures(tmp_path / "again", artwork)
    files = sorted(path.relative_to(pictures) for path in pictures.rglob("*.*"))
    assert [sha256_of_file(pictures / path) for path in files] == [
        sha256_of_file(tmp_path / "again" / path) for path in files
    ]


def test_a_folder_in_use_is_left_alone(pictures: Path, artwork: Path) -> None:
    with pytest.raises(UserError) as error:
        make_demo_pictures(pictures, artwork)
    assert str(error.value) == (
        f"{pictures} is not empty; name another folder, or add --force to write into it"
    )


def test_the_lock_file_pins_content_and_names_no_server() -> None:
    lock = json.loads((DEFAULT_ARTWORK / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert all("integrity" in entry and "resolved" not in entry for entry in packages.values())
    manifest = json.loads((DEFAULT_ARTWORK / "package.json").read_text(encoding="utf-8"))
    assert manifest["dependencies"] == {
        hand.package: packages[f"node_modules/{hand.package}"]["version"]
        for hand in sorted(HANDS.values(), key=lambda hand: hand.package)
    }
