"""The same study on SQLite and on PostgreSQL: the same answers, dataset and report, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from experiment_server.design.observer import Population
from experiment_server.models.database import connect
from experiment_server.settings import Settings
from experiment_server.simulate.pictures import load_pictures
from experiment_server.simulate.run import Run, simulate, summarise
from exports.datasets import export_study
from exports.report.build import Sources, write_report
from tests.functional.answering import unlimited
from tests.functional.finished_study import finished_study
from tests.functional.server_fixture import create_from, new_postgres_database, running_server

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PARTICIPANTS = 6

pytestmark = pytest.mark.postgres


def test_a_dataset_and_a_report_do_not_depend_on_the_database(
    postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = written(tmp_path / "sqlite")
    monkeypatch.setenv("INTERPSCORE_DATABASE_URL", new_postgres_database(postgres_server))
    assert written(tmp_path / "postgresql") == here
    assert {"trials.csv", "trials.parquet", "export.json", "report.html"} <= set(here)


def written(folder: Path) -> dict[str, bytes]:
    """What a finished study's dataset and report hold, by file; the folder is called as the database is."""
    study = finished_study(folder)
    assert study.engine.dialect.name == folder.name
    out = folder / "out"
    export_study(study.engine, study.name, out, now=NOW, manifest=study.manifest)
    write_report(study.engine, study.name, out / "report.html", Sources(study.settings.images_dir))
    study.engine.dispose()
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_a_simulation_does_not_depend_on_the_database(
    postgres_server: str, small_study: Path, tmp_path: Path
) -> None:
    here = simulated(unlimited(tmp_path / "one", f"sqlite:///{tmp_path / 'test.sqlite3'}"), small_study)
    there = simulated(unlimited(tmp_path / "other", new_postgres_database(postgres_server)), small_study)
    assert here == there
    assert here["finished"] > 0
    assert here["responses"] > PARTICIPANTS


def simulated(settings: Settings, study: Path) -> dict[str, Any]:
    """What simulated participants did on a real server."""
    create_from(settings, study)
    engine = connect(settings)
    pictures = load_pictures(engine, "small")
    engine.dispose()
    population = Population(width=pictures.width, dropout=0.2)
    with running_server(settings) as server:
        return summarise(list(simulate(Run(server.url, pictures, population, PARTICIPANTS, seed=3))))
