"""The page of perturbations is what the registry says, and leaves nothing out."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner, Result

from commands.stimuli import stimuli as command
from docs.make_perturbations_page import PAGE, page, pairs, plain
from stimuli.errors import UserError
from stimuli.perturbations import CLEAN, PERTURBATIONS, Perturbation

ALL = [row for row in PERTURBATIONS.values() if row.name != CLEAN]
every = pytest.mark.parametrize("row", ALL, ids=[row.name for row in ALL])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["list", *arguments])


def test_the_page_is_the_registry() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python docs/make_perturbations_page.py"


@every
def test_everything_known_of_it_is_on_the_page(row: Perturbation) -> None:
    text = page()
    for said in (f"`{row.name}`", row.does, row.parameter, row.unit, row.source, row.mind):
        assert plain(said) in text or plain(f"{said[:1].upper()}{said[1:]}") in text
    for companion in row.companions:
        assert " ".join(f"{value:g}" for value in companion.values) in text


def test_every_published_form_stands_beside_its_correction() -> None:
    published = [row.name for row in ALL if row.name.endswith("_published")]
    assert [after.name for _, after in pairs()] == published
    for before, after in pairs():
        assert f"|  | `{before.name}` | `{after.name}` |" in page()


def test_tables_have_as_many_cells_in_each_row() -> None:
    for block in re.findall(r"(?:^\|.*\|\n)+", page(), flags=re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1


@every
def test_list_says_all_of_one(row: Perturbation) -> None:
    text = " ".join(run(row.name).stdout.split())
    for said in (row.name, row.does, row.parameter, row.source, row.mind):
        assert " ".join(said.split()) in text
    if row.human:
        assert f"75% correct at {row.human.at_75_percent:g}" in text


def test_list_fits_100_columns_and_names_everything() -> None:
    lines = run().stdout.splitlines()
    assert max(map(len, lines)) <= 100
    words = {line.split()[0] for line in lines if line.strip()}
    assert {row.name for row in ALL} <= words


def test_list_can_be_narrowed() -> None:
    assert json.loads(run("--json", "contrast").stdout)["perturbations"][0]["name"] == "contrast"
    found = json.loads(run("--json", "--group", "noise").stdout)["perturbations"]
    assert [row["name"] for row in found] == [row.name for row in ALL if row.group == "noise"]


@every
def test_what_people_can_do_stands_on_the_page_about_levels(row: Perturbation) -> None:
    text = PAGE.with_name("calibrated-levels.md").read_text(encoding="utf-8")
    assert (f"| `{row.name}`" in text) == (row.human is not None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no"], "'no' is not a perturbation; `stimuli list` names them all"),
        (["--group", "no"], "'no' is not a group; choose one of noise, "),
    ],
)
def test_what_is_not_there_is_said(arguments: list[str], said: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, UserError)
    assert str(error).startswith(said)
