"""``manage.py compare`` from a study's answers and a store of two layers to the table; its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from commands.activations import images_of
from commands.compare import _rich_table
from manage import cli
from scoring.activations.extract import extract_layers
from scoring.activations.model import load_model
from scoring.activations.store import ActivationStore
from scoring.comparison import COLUMNS, MEAN
from stimuli.errors import UserError
from tests.functional.finished_study import FinishedStudy, finished_study

pytestmark = pytest.mark.model

CONCEPTS = ["apple", "dog", "fire"]
LAYERS = ("visual.layer3.0.act3", "visual.layer4.0.act3")
#: hand 0 drew 8 of them, which are enough to be scored
SOURCES = 15


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> FinishedStudy:
    return finished_study(tmp_path_factory.mktemp("study"), n_sources=SOURCES, participants=12)


@pytest.fixture(scope="module")
def store(study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("activations") / "store"
    extract_layers(
        images_of(study.manifest), load_model(device="cpu"), LAYERS, "squash", ActivationStore(path)
    )
    return path


class Compare:
    """Runs ``compare`` on the study and the store, 40 draws if not said otherwise."""

    def __init__(self, store: Path, out: Path) -> None:
        self.store, self.out = store, out

    def __call__(self, *options: object, study: str = "shapes") -> str:
        arguments = ("compare", study, self.out, "--store", self.store, "--resamples", 40, *options)
        done = CliRunner().invoke(cli, [str(word) for word in arguments], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        return done.stdout

    def table(self, *options: object) -> pd.DataFrame:
        assert self("--quiet", *options) == ""
        return pd.read_csv(self.out, keep_default_na=False, na_values=[""])

    def error(self, *options: object, study: str = "shapes") -> str:
        """The message, nothing having been written."""
        there = self.out.read_bytes() if self.out.exists() else None
        with pytest.raises(UserError) as caught:
            self(*options, study=study)
        assert (self.out.read_bytes() if self.out.exists() else None) == there
        return str(caught.value)


@pytest.fixture
def compared(study: FinishedStudy, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
    return Compare(store, tmp_path / "layers.csv")


def test_each_series_has_its_columns_and_rows(compared: Compare) -> None:
    table = compared.table()
    assert tuple(table.columns) == COLUMNS
    assert table["Concept"].tolist() == [*CONCEPTS, MEAN] * 2
    assert sorted(set(table["layer"])) == list(LAYERS)
    assert table["model"].str.startswith("interpscore-demo").all()
    first, second = (table.iloc[:4], table.iloc[4:])
    assert first["difference"].isna().all()
    gap = second["InterpScore"].to_numpy() - first["InterpScore"].to_numpy()
    assert second["difference"].to_numpy() == pytest.approx(gap)
    assert second["p_difference"].between(0, 1).all()
    scored = table[table["Concept"] != MEAN]
    assert (scored["n_chosen_on"] == 7).all()
    assert (scored["n_sources"] == 8).all()
    assert scored["E"].between(-1, 1).all()
    assert set(table["weights"]) == {"S 1 R 1 H 1"}


def test_intervals_hold_their_values(compared: Compare) -> None:
    table = compared.table()
    for name in ("E", "InterpScore", "difference"):
        there = table[table[f"{name}_low"].notna()]
        assert len(there)
        assert there[name].between(there[f"{name}_low"], there[f"{name}_high"]).all()


def test_the_seed_decides_the_halves_and_the_bytes(compared: Compare) -> None:
    written = []
    for seed in (1, 1, 2):
        compared("--quiet", "--force", "--seed", seed)
        written.append(compared.out.read_bytes())
    assert written[0] == written[1] != written[2]


def test_units_are_chosen_on_the_clusters_that_are_named(compared: Compare) -> None:
    table = compared.table("--choose-on", "hand 1")
    scored = table[table["Concept"] != MEAN]
    assert (scored["n_chosen_on"] == 7).all()
    assert (scored["n_sources"] == 8).all()
    other = compared.table("--choose-on", "hand 1", "--seed", 5, "--force")
    assert other["Neuron"].equals(table["Neuron"])
    assert other["E"].to_numpy() == pytest.approx(table["E"].to_numpy())


def test_json_has_null_where_nothing_is(compared: Compare) -> None:
    found: dict[str, Any] = json.loads(compared("--json"))
    assert found["results"] == str(compared.out)
    assert [row["Concept"] for row in found["rows"]] == [*CONCEPTS, MEAN] * 2
    assert found["rows"][0]["difference"] is None
    written = pd.read_csv(compared.out)
    assert [row["E"] for row in found["rows"]] == pytest.approx(written["E"].tolist())


def test_the_means_are_shown(compared: Compare) -> None:
    out = compared()
    assert "InterpScore (S, R, H) of the chosen units; 95% interval; 0.5 is nothing" in out
    assert "Means over 3 concepts; differences are to the first series." in out
    assert f"Resampled: whole sources, 40 draws, seed 0.\nWritten: {compared.out}\n" in out


def test_a_table_is_replaced_with_force_only(compared: Compare) -> None:
    compared.out.write_text("mine")
    assert compared.error() == (
        f"{compared.out} exists already; name another output, or add --force to replace it"
    )
    assert compared.out.read_text() == "mine"
    assert compared.table("--force")["Concept"].nunique() == 4


def test_an_ending_in_capitals_is_csv_too(compared: Compare) -> None:
    compared.out = compared.out.with_name("LAYERS.CSV")
    assert len(compared.table()) == 8
    compared.out = compared.out.with_name("layers.parquet")
    assert compared.error() == ("the comparison is written as CSV; name layers.parquet with the ending .csv")


def test_an_unknown_cluster(compared: Compare) -> None:
    assert compared.error("--choose-on", "mine") == (
        "the study shapes has no cluster mine; it has hand 0, hand 1"
    )


def test_too_few_sources_are_left(compared: Compare) -> None:
    assert compared.error("--choose-on", "hand 0") == (
        "apple has 7 sources left to be scored, and with fewer than 8 the best of many units is perfect by "
        "chance; choose on fewer sources, or show more pictures"
    )


def test_one_series_only(compared: Compare) -> None:
    assert compared.error("--layer", LAYERS[0]) == (
        f"{compared.store} holds 1 series that fit, and a comparison takes two; "
        "extract another layer or model with: python manage.py activations extract"
    )


def test_an_unknown_layer(compared: Compare) -> None:
    assert compared.error("--layer", LAYERS[0], "--layer", "visual.none") == (
        f"no series of {compared.store} is of the layer visual.none; "
        f"their layers are {', '.join(sorted(LAYERS))}"
    )


def test_an_unknown_study(compared: Compare) -> None:
    assert compared.error(study="none") == (
        "there is no study 'none': there are shapes; see `manage.py study create`"
    )


def test_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    row = {"model": "[/b]model", "layer": "[red]layer", "n_units": 4, "p_difference": np.nan}
    ends = ("", "_low", "_high")
    numbers = {f"{name}{end}": 0.5 for name in ("InterpScore", "difference") for end in ends}
    Console(width=120).print(_rich_table(pd.DataFrame([row | numbers])))
    shown = capsys.readouterr().out
    assert "[/b]model" in shown
    assert "[red]layer" in shown
