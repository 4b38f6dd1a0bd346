"""A sample of pictures is spread over concepts and clusters, and degraded as a build degrades them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stimuli.conditions import Condition, ConditionsFile, Matching
from stimuli.errors import UserError
from stimuli.generate import build
from stimuli.picture_sample import sample_pictures

SMALL = ConditionsFile(32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three concepts with four pictures each, two of either cluster."""
    rng = np.random.default_rng(0)
    rows = ["path,cluster"]
    for concept in ("cat", "dog", "owl"):
        (tmp_path / "pictures" / concept).mkdir(parents=True)
        for name in ("ann-1", "ann-2", "bob-1", "bob-2"):
            pixels = rng.integers(60, 200, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / concept / f"{name}.png")
            rows.append(f"{concept}/{name}.png,{name.partition('-')[0]}")
    (tmp_path / "pictures" / "sources.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path / "pictures"


def paths(folder: Path, number: int | None, how: ConditionsFile = SMALL, **options: Any) -> list[str]:
    sample = sample_pictures(folder, how, number, **options)
    return [picture.source.path for picture in sample.pictures]


def test_concepts_take_turns_and_so_do_clusters(folder: Path) -> None:
    assert paths(folder, 4) == ["cat/ann-1.png", "dog/bob-1.png", "owl/ann-1.png", "cat/bob-1.png"]
    assert sorted(paths(folder, None)) == sorted(paths(folder, 99))
    assert len(set(paths(folder, None))) == 12


def test_so_many_of_each_concept(folder: Path) -> None:
    assert paths(folder, 1, per_concept=1) == ["cat/ann-1.png", "dog/bob-1.png", "owl/ann-1.png"]
    assert paths(folder, 2, concepts=["dog"]) == ["dog/ann-1.png", "dog/bob-1.png"]


def test_concepts_that_are_kept_clean_are_passed_over_and_not_to_be_named(folder: Path) -> None:
    how = ConditionsFile(32, ("cat", "owl"))
    assert {path.partition("/")[0] for path in paths(folder, None, how)} == {"dog"}
    with pytest.raises(UserError) as error:
        paths(folder, None, how, concepts=["cat"])
    assert str(error.value) == (
        "cat is kept clean, so that there is no more of it to show; "
        "name another concept, or take it out of clean_only"
    )
    with pytest.raises(UserError) as error:
        paths(folder, None, ConditionsFile(32, ("cat", "owl", "dog")))
    assert str(error.value) == f"all concepts of {folder} are kept clean; take one out of clean_only"


def test_what_cannot_be_read_is_passed_over_and_named(folder: Path) -> None:
    (folder / "cat" / "ann-1.png").write_bytes(b"")
    (folder / "stray.png").write_bytes(b"")
    sample = sample_pictures(folder, SMALL, 1)
    assert sample.pictures[0].source.path == "dog/bob-1.png"
    assert [row.path for row in sample.left_out] == ["stray.png", "cat/ann-1.png"]
    assert all(row.reason.startswith(f"{row.path} ") for row in sample.left_out)


def test_what_cannot_be_matched_is_passed_over_as_in_a_build(folder: Path, tmp_path: Path) -> None:
    fine = 60 + 140 * (np.indices((64, 64)).sum(axis=0) % 2).astype(np.uint8)
    Image.fromarray(fine).save(folder / "cat" / "ann-1.png")
    conditions = (Condition("clean"), Condition("gaussian_blur", 2))
    how = ConditionsFile(64, (), conditions, matching=Matching(0.5, 0.1, "stimulus"))
    sample = sample_pictures(folder, how, None, seed=3)
    built = build(folder, tmp_path / "out", how, seed=3)
    assert [row.path for row in sample.left_out] == ["cat/ann-1.png"]
    assert sample.left_out == built.left_out
    assert {one.source.path for one in sample.pictures} == {row.source_path for row in built.stimuli}
    assert sample_pictures(folder, how, 1, seed=3).pictures[0].source.path == "dog/bob-1.png"


HOWS = {
    "plain": ConditionsFile(32),
    "linear light": ConditionsFile(32, linear_light=True),
    "legacy": ConditionsFile(32, legacy=True),
    "sources matched": ConditionsFile(32, matching=Matching(0.5, 0.1)),
    "stimuli matched": ConditionsFile(32, matching=Matching(0.5, 0.1, "stimulus")),
}


@pytest.mark.parametrize("how", HOWS.values(), ids=list(HOWS))
def test_stimuli_are_those_of_a_build(how: ConditionsFile, folder: Path, tmp_path: Path) -> None:
    conditions = (Condition("clean"), Condition("gaussian_noise", 0.1), Condition("gaussian_blur", 2))
    how = ConditionsFile(**{**vars(how), "conditions": conditions})
    rows = build(folder, tmp_path / "out", how, seed=3).stimuli
    images = {
        (row.source_path, row.condition): np.asarray(Image.open(tmp_path / "out" / row.image)) for row in rows
    }
    for picture in sample_pictures(folder, how, None).pictures:
        assert np.array_equal(picture.clean, images[picture.source.path, "clean"])
        for condition in conditions:
            found = picture.stimulus(condition, 3)
            assert np.array_equal(found, images[picture.source.path, condition.key])


def test_severities_in_common_draw_alike(folder: Path) -> None:
    picture = sample_pictures(folder, SMALL, 1).pictures[0]
    near, far = (
        picture.in_common(Condition("gaussian_noise", severity), 0).astype(float) - picture.clean
        for severity in (0.02, 0.04)
    )
    assert np.corrcoef(near.ravel(), far.ravel())[0, 1] > 0.99
