"""What ``align`` reads: the data in any of their forms, the models' decisions, and the layers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from commands.score_inputs import PUBLISHED_DREAMS, REHEARSAL, Trials, key_of_file, rows_of_study
from scoring.alignment.align import Layer, Task
from scoring.alignment.model_vs_human import read_model_vs_human
from scoring.alignment.observations import MODEL, Observations
from scoring.alignment.of_trials import Answered, Namer, by_judge, read_answered
from scoring.alignment.unit_choices import UNITS, read_choices, stimuli_of, unit_observations
from scoring.answers import load_lexicon
from scoring.counted_rows import listed
from scoring.labels import UNKNOWN_WEIGHTS
from scoring.neuron_map import Pair, concept_key, read_neuron_map
from scoring.published.interpscore import Settings as PublishedSettings
from scoring.statistics import Floats
from scoring.trial_table import activation_column, channels, read_trials
from stimuli.errors import UserError
from stimuli.files import sha256_of_file
from stimuli.manifest import read_manifest

if TYPE_CHECKING:
    from scoring.activations.store import ActivationStore, Series

#: the files of an exported dataset that may hold its trial table, the first that is there
TABLES = ("trials.parquet", "trials.csv")
#: what to know of answers that nobody gave
SIMULATED = "Every participant who answered was simulated: these are no human data."


@dataclass(frozen=True)
class Given:
    """Everything that was given.

    ``tasks`` are those of models that did another task than people; ``weights`` names which weights are
    behind each model; ``files`` the fingerprints of what was read; ``hashes`` the SHA-256 of each stimulus's
    image, where it is known; ``unit`` the activation, by stimulus, of the unit labelled with its concept.
    """

    observations: Observations
    title: str
    words: tuple[str, ...] = ()
    trials: pd.DataFrame | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()
    tasks: dict[str, Task] = field(default_factory=dict)
    unit: pd.Series[float] | None = None
    weights: dict[str, str] = field(default_factory=dict)
    table_weights: str = UNKNOWN_WEIGHTS
    files: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_given(data: str, options: dict[str, Any]) -> Given:
    """Read the data, then the models' decisions, then the layers."""
    given = _data(data, options)
    if options["choices"]:
        given = _with_choices(given, options["choices"])
    if options["neuron_map"]:
        given = _with_units(given, options)
    return _with_layers(given, options)


def _data(data: str, options: dict[str, Any]) -> Given:
    path = Path(data)
    bare = len(path.parts) == 1 and not path.suffix
    table = next((path / name for name in TABLES if (path / name).is_file()), None)
    if table is not None:
        return _dataset(path, table, options)
    if path.is_dir() and (_has_observers(path) or not bare):
        return _benchmark(path, options["models"])
    if options["models"]:
        raise UserError("--model names observers of model-vs-human files; DATA is not a folder of these")
    if path.is_file():
        return _table(path, options)
    if not bare:
        raise UserError(f"{path} does not exist; name a folder, a trial table or a study")
    return _study(data, options)


def _has_observers(folder: Path) -> bool:
    """Tell a benchmark's folder from one that is only called like a study."""
    return any("subj" in _first_line(path) for path in sorted(folder.glob("*.csv")))


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as stream:
        return stream.readline()


def _benchmark(folder: Path, models: Sequence[str]) -> Given:
    observations = read_model_vs_human(folder, models)
    names = sorted(observations.of_kind(MODEL)["observer"].unique())
    weights = dict.fromkeys(names, "unknown: decisions were given in DATA")
    files = {path.name: sha256_of_file(path) for path in sorted(folder.glob("*.csv"))}
    return Given(observations, observations.origin, observations.concepts, weights=weights, files=files)


def _table(path: Path, options: dict[str, Any]) -> Given:
    trials = read_trials(path, key=key_of_file(options["key_file"]), score_column=options["human_score_col"])
    published = trials.attrs["form"] == "published"
    answered = _answered(
        trials,
        path.name,
        options,
        dreams=PUBLISHED_DREAMS if published else (),
        clean=PublishedSettings.clean_level if published else None,
    )
    notes = tuple(trials.attrs["notes"])
    return _of_answered(answered, path.name, {path.name: sha256_of_file(path)}, notes)


def _dataset(folder: Path, table: Path, options: dict[str, Any]) -> Given:
    given = _table(table, options)
    summary = _export_summary(folder / "export.json")
    counts, activations = summary.get("counts", {}), summary.get("activations") or {}
    simulated = (counts.get("simulated_participants", 0), counts.get("participants_with_trials", 0))
    notes = (*([REHEARSAL] if summary.get("rehearsal") else []), *_simulated(*simulated))
    return replace(
        given,
        title=str(summary.get("study", folder.name)),
        hashes=_hashes_of_table(folder / "stimuli.csv"),
        table_weights=_weights_of_export(activations),
        notes=(*notes, *given.notes),
    )


def _simulated(simulated: int, answering: int) -> tuple[str, ...]:
    """Say how many participants were simulated, if any were."""
    if not simulated:
        return ()
    if simulated == answering:
        return (SIMULATED,)
    return (f"{simulated} of the {answering} participants who answered were simulated and are no people.",)


def _export_summary(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}); export the study again") from None
    return content if isinstance(content, dict) else {}


def _weights_of_export(activations: dict[str, Any]) -> str:
    if "weights" not in activations:
        return UNKNOWN_WEIGHTS
    return f"{activations['weights']}, {activations['layer']}, {activations['preprocess']}"


def _hashes_of_table(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    table = pd.read_csv(path, dtype=str, usecols=["stimulus", "image_sha256"])
    return dict(zip(table["stimulus"], table["image_sha256"], strict=True))


def _study(name: str, options: dict[str, Any]) -> Given:
    rows = rows_of_study(name)
    answered = _answered(rows.frame, rows.origin, options, dreams=rows.dreams)
    notes = tuple(note for note in rows.notes if "adaptive" not in note)
    given = _of_answered(answered, name, {}, (*notes, *_simulated_of_study(name)))
    return replace(given, hashes=_hashes_of_study(rows))


def _simulated_of_study(name: str) -> tuple[str, ...]:
    from commands.database import study_database
    from experiment_server.settings import load_settings
    from exports.attendance import attendance
    from exports.snapshot import study_snapshot

    with study_database(load_settings()) as engine, study_snapshot(engine, name) as (connection, study):
        who = attendance(connection, study.id)
    return _simulated(who.simulated, who.answering)


def _hashes_of_study(rows: Trials) -> dict[str, str]:
    if rows.stimuli is None:
        return {}
    return dict(zip(rows.stimuli["stimulus"], rows.stimuli["image_sha256"], strict=True))


def _answered(
    trials: pd.DataFrame,
    origin: str,
    options: dict[str, Any],
    *,
    dreams: Sequence[int] = (),
    clean: int | None = None,
) -> Answered:
    column = options["human_score_col"]
    namer = _namer(trials, options["lexicon"])
    return read_answered(trials, origin, score_column=column, dreams=dreams, clean=clean, namer=namer)


def _namer(trials: pd.DataFrame, lexicon: Path | None) -> Namer | None:
    if lexicon is None:
        return None
    concepts = sorted({concept_key(str(name)) for name in trials["ground_truth"].dropna()})
    return by_judge(concepts, load_lexicon(lexicon))


def _of_answered(answered: Answered, title: str, files: dict[str, str], notes: tuple[str, ...]) -> Given:
    return Given(answered.observations, title, answered.words, answered.trials, files=files, notes=notes)


def _with_choices(given: Given, path: Path) -> Given:
    """Add the decisions of a file. They are taken for the same forced choice where people had one."""
    rows = read_choices(path, given.observations)
    names = [str(name) for name in rows["observer"].unique()]
    task = None if given.words else Task(_another_task(given), len(given.observations.concepts))
    return replace(
        _with_rows(given, rows),
        tasks=given.tasks | (dict.fromkeys(names, task) if task else {}),
        weights=given.weights | dict.fromkeys(names, f"unknown: decisions were given in {path.name}"),
        files=given.files | {path.name: sha256_of_file(path)},
    )


def _another_task(given: Given) -> str:
    return "people_typed" if given.observations.alternatives is None else "alternatives_differ_between_trials"


def _with_rows(given: Given, rows: pd.DataFrame) -> Given:
    frame = pd.concat([given.observations.frame, rows], ignore_index=True)
    return replace(given, observations=replace(given.observations, frame=frame))


def _with_units(given: Given, options: dict[str, Any]) -> Given:
    pairs = read_neuron_map(options["neuron_map"])
    _refuse_strange_concepts(given, pairs, options["neuron_map"])
    activation, weights = _units(given, pairs, options)
    rows = unit_observations(given.observations, activation, pairs)
    words, reason = {pair.key for pair in pairs}, ""
    if set(given.words) != words:
        reason = "other_alternatives_than_people" if given.words else _another_task(given)
    note = (
        f"The model {UNITS!r} decides on each picture for the concept whose unit is most active, each unit "
        "standardised on the clean pictures of these data."
    )
    path = options["neuron_map"]
    return replace(
        _with_rows(given, rows),
        tasks=given.tasks | ({UNITS: Task(reason, len(words))} if reason else {}),
        unit=_own_units(given, activation, pairs),
        weights=given.weights | {UNITS: weights},
        files=given.files | {path.name: sha256_of_file(path)},
        notes=(*given.notes, note),
    )


def _own_units(given: Given, activation: Floats, pairs: Sequence[Pair]) -> pd.Series[float]:
    """By stimulus, the activation of the first unit that stands for its concept; NaN where none does."""
    about = stimuli_of(given.observations)
    place = {pair.key: at for at, pair in reversed(list(enumerate(pairs)))}
    units = [place.get(concept) for concept in about["concept"]]
    values = [math.nan if unit is None else activation[row, unit] for row, unit in enumerate(units)]
    return pd.Series(values, index=about.index, dtype=np.float64)


def _refuse_strange_concepts(given: Given, pairs: Sequence[Pair], path: Path) -> None:
    there = given.observations.concepts
    for pair in pairs:
        if pair.key not in there:
            raise UserError(
                f"{path} names a unit for {pair.concept}, which the data do not show; their concepts are "
                f"{listed(there)}"
            )


def _units(given: Given, pairs: Sequence[Pair], options: dict[str, Any]) -> tuple[Floats, str]:
    """The activations (S, U) of the pairs' units, from the table or from the store."""
    names = [activation_column(pair.channel) for pair in pairs]
    if given.trials is not None and set(names) <= set(given.trials.columns):
        return _of_columns(given, names), given.table_weights
    if options["store"] is None:
        lacking = [name for name in names if given.trials is None or name not in given.trials.columns]
        raise UserError(
            f"{given.title} has no column {lacking[0]}, which {options['neuron_map']} needs; give --store"
        )
    from scoring.activations.store import ActivationStore

    store = ActivationStore(options["store"])
    series = store.find(options["layer"])
    activation = _of_series(given, store, series, options["manifest"])
    for pair in pairs:
        if pair.channel >= activation.shape[1]:
            raise UserError(
                f"unit {pair.channel} is not in {series.layer} of {options['store']}, which has units 0 to "
                f"{activation.shape[1] - 1}; name another unit, or another --layer"
            )
    return activation[:, [pair.channel for pair in pairs]], _weights(series)


def _of_columns(given: Given, names: Sequence[str]) -> Floats:
    assert given.trials is not None
    first = given.trials.drop_duplicates("stimulus").set_index("stimulus").sort_index()
    values = first[list(names)].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(values)))
        raise UserError(
            f"{given.title} has no number in the column {names[column]} for the picture {first.index[row]}; "
            "extract its activations, or leave the column out"
        )
    return values


def _weights(series: Series) -> str:
    return f"{series.model}, {series.layer}, {series.preprocess}"


def _of_series(given: Given, store: ActivationStore, series: Series, manifest: Path | None) -> Floats:
    hashes = given.hashes
    if manifest is not None:
        hashes = {row.stimulus: row.image_sha256 for row in read_manifest(manifest)}
    stimuli = stimuli_of(given.observations).index
    absent = [str(name) for name in stimuli if name not in hashes]
    if absent:
        where = "DATA does not say" if manifest is None else f"{manifest} does not say"
        raise UserError(
            f"{where} which image the picture {absent[0]} is, by which a store finds activations; "
            "give the --manifest of the stimuli"
        )
    return store.read_series(series, [hashes[str(name)] for name in stimuli]).astype(np.float64)


def _with_layers(given: Given, options: dict[str, Any]) -> Given:
    layers = []
    if options["store"] is not None:
        from scoring.activations.store import ActivationStore

        store = ActivationStore(options["store"])
        layers = [
            Layer(_name(one), _weights(one), _of_series(given, store, one, options["manifest"]))
            for one in store.series()
        ]
    elif given.trials is not None and channels(list(given.trials.columns)):
        names = [activation_column(channel) for channel in channels(list(given.trials.columns))]
        layers = [Layer(f"{len(names)} units of the table", given.table_weights, _of_columns(given, names))]
    weights = given.weights | {layer.name: layer.weights for layer in layers}
    return replace(given, layers=tuple(layers), weights=weights)


def _name(series: Series) -> str:
    return f"{series.model.split(' ')[0]} {series.layer} {series.preprocess}"
