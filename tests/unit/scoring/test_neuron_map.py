from __future__ import annotations

from pathlib import Path

import pytest

from scoring.neuron_map import Pair, read_neuron_map
from stimuli.errors import UserError

FORM = 'a neuron map is a JSON object such as {"89": "Trump"}'


def test_reads_pairs_in_order_and_matches_in_lower_case(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('{"479": "Arabic Alphabet", "89": "Trump"}')
    pairs = read_neuron_map(path)
    assert pairs == [Pair(479, "Arabic Alphabet"), Pair(89, "Trump")]
    assert [pair.key for pair in pairs] == ["arabic alphabet", "trump"]


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('\ufeff{"89": "Trump"}', encoding="utf-8")
    assert read_neuron_map(path) == [Pair(89, "Trump")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "PATH cannot be read as JSON"),
        ("[]", f"PATH holds no pairs; {FORM}"),
        ("{}", f"PATH holds no pairs; {FORM}"),
        ('{"unit 3": "cat"}', f"PATH: 'unit 3' is not a unit's number; {FORM}"),
        ('{"3": ["cat"]}', f"PATH: unit 3 has no concept's name; {FORM}"),
        ('{"3": " "}', f"PATH: unit 3 has no concept's name; {FORM}"),
        ('{"3": "cat", "3": "dog"}', "PATH: unit 3 is there 2 times; give each unit one concept"),
    ],
)
def test_bad_maps(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_neuron_map(path)
    expected = message.replace("PATH", str(path))
    if text == "{":
        assert str(caught.value).startswith(expected)
        assert str(caught.value).endswith(FORM)
    else:
        assert str(caught.value) == expected


def test_a_missing_map(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_neuron_map(tmp_path / "none.json")
    assert str(caught.value) == f"{tmp_path / 'none.json'} does not exist; check the path of the neuron map"
