from __future__ import annotations

import pytest

from scoring.published_names import PublishedName, parse


@pytest.mark.parametrize(
    ("basename", "expected"),
    [
        ("sailboat_clean_12.jpg", PublishedName("sailboat", 5, "sailboat 12")),
        ("raised_hand_noisy_level2_4.jpg", PublishedName("raised hand", 2, "raised hand 4")),
        ("arabic_alphabet_noisy_level1_3.jpg", PublishedName("arabic alphabet", 1, "arabic alphabet 3")),
        ("araic_alphabet_clean_3.jpg", PublishedName("arabic alphabet", 5, "arabic alphabet 3")),
        ("Trump_clean_1.jpeg", PublishedName("trump", 5, "trump 1")),
        ("neuron_89_grey_2.jpg", PublishedName(None, 4, "neuron 89 grey_2")),
    ],
)
def test_published_names(basename: str, expected: PublishedName) -> None:
    assert parse(basename) == expected


@pytest.mark.parametrize("basename", ["cat.jpg", "fire_clean.jpg", "fire_clean_1.png", "", "_clean_1.jpg"])
def test_other_names(basename: str) -> None:
    assert parse(basename) is None


def test_a_source_is_the_same_in_all_levels() -> None:
    names = ["fire_clean_7.jpg", *(f"fire_noisy_level{level}_7.jpg" for level in (1, 2, 3))]
    assert {found.source for name in names if (found := parse(name))} == {"fire 7"}
