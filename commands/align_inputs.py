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

from commands.align_tables import SUMMARY, UNKNOWN_KIND, check_table, is_dataset, own_table
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
    if is_dataset(path) and (options["trials"] or own_table(path)):
        return _dataset(path, options)
    if options["trials"]:
        raise UserError(
            f"--trials is a table in place of a dataset's, and {path} is no folder of an exported dataset; "
            "name the one that the table was made from"
        )
    if path.is_dir() and (_has_observers(path) or not bare):
        return _benchmark(path, options["models"], options["alternatives"])
    if options["alternatives"]:
        raise UserError("--alternatives is for model-vs-human files; a trial table has a column alternatives")
    if options["models"]:
        raise UserError("--model names observers of model-vs-human files; DATA is not a folder of these")
    if path.is_file():
        return _table(path, options, alone=True)
    if not bare:
        raise UserError(f"{path} does not exist; name a folder, a trial table or a study")
    _refuse_without_database(data)
    return _study(data, options)


def _refuse_without_database(name: str) -> None:
    from commands.database import study_database
    from experiment_server.settings import load_settings

    try:
        with study_database(load_settings()):
            return
    except UserError as error:
        raise UserError(f"{name!r} is no file or folder of data here, and {error}") from None


def _has_observers(folder: Path) -> bool:
    """Tell a benchmark's folder from one that is only called like a study."""
    return any("subj" in _first_line(path).lower() for path in sorted(folder.glob("*.csv")))


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as stream:
        return stream.readline()


def _benchmark(folder: Path, models: Sequence[str], alternatives: int | None) -> Given:
    observations = read_model_vs_human(folder, models, alternatives)
    names = sorted(observations.of_kind(MODEL)["observer"].unique())
    weights = dict.fromkeys(names, "unknown: decisions were given in DATA")
    files = {path.name: sha256_of_file(path) for path in sorted(folder.glob("*.csv"))}
    return Given(observations, observations.origin, observations.concepts, weights=weights, files=files)


def _table(path: Path, options: dict[str, Any], *, alone: bool = False) -> Given:
    """Read a trial table; ``alone`` without its dataset, which would say what kind of data these are."""
    if path.is_file():
        _refuse_answers(path)
    trials = read_trials(path, key=key_of_file(options["key_file"]), score_column=options["human_score_col"])
    published = trials.attrs["form"] == "published"
    answered = _answered(
        trials,
        path.name,
        options,
        dreams=PUBLISHED_DREAMS if published else (),
        clean=PublishedSettings.clean_level if published else None,
    )
    notes = (*trials.attrs["notes"], *((UNKNOWN_KIND,) if alone and not published else ()))
    return _of_answered(answered, path.name, {path.name: sha256_of_file(path)}, notes)


def _refuse_answers(path: Path) -> None:
    """Raise UserError for a table that judges answers and does not say what was shown."""
    if path.suffix != ".csv":
        return
    header = {name.strip().strip('"') for name in _first_line(path).lstrip("\ufeff").split(",")}
    if {"concept", "response"} <= header and not header & {"level", "image_basename", "image_filename"}:
        raise UserError(
            f"{path} is a table of answers, which does not say which picture each is about; give a trial "
            "table (see docs/trial-table.md)"
        )


def _dataset(folder: Path, options: dict[str, Any]) -> Given:
    table = Path(options["trials"] or own_table(folder) or "")
    given = _table(table, options)
    summary = _export_summary(folder / SUMMARY)
    counts, activations = summary.get("counts", {}), summary.get("activations") or {}
    simulated = (counts.get("simulated_participants", 0), counts.get("participants_with_trials", 0))
    notes = (*([REHEARSAL] if summary.get("rehearsal") else []), *_simulated(*simulated))
    if options["trials"]:
        notes = (*notes, *(() if summary else (UNKNOWN_KIND,)), *check_table(folder, table))
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
    typed = given.observations.alternatives is None and not given.observations.mixed_alternatives
    return "people_typed" if typed else "alternatives_differ_between_trials"


def _with_rows(given: Given, rows: pd.DataFrame) -> Given:
    frame = pd.concat([given.observations.frame, rows], ignore_index=True)
    return replace(given, observations=replace(given.observations, frame=frame))


def _with_units(given: Given, options: dict[str, Any]) -> Given:
    pairs = read_neuron_map(options["neuron_map"])
    _refuse_strange_concepts(given, pairs, options["neuron_map"])
    activation, weights = _units(given, pairs, options)
    rows = unit_observations(given.observations, activation, pairs)
    words, reason = {pair.key for pair in pairs}, ""
    if set(given.words) != words or given.observations.alternatives != len(words):
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
    if len({pair.key for pair in pairs}) < 2:
        raise UserError(
            f"{path} names units for {pairs[0].concept} alone; units decide between concepts, so name a unit "
            "for another one too"
        )
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
        _refuse_layer(options, "the units of --neuron-map are columns of DATA")
        return _of_pictures(given, names), given.table_weights
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


def _refuse_layer(options: dict[str, Any], why: str) -> None:
    if options["layer"] is not None:
        raise UserError(f"--layer names the layer of --store that units are of, but {why}; leave it out")


def _of_pictures(given: Given, names: Sequence[str]) -> Floats:
    """Activations (S, U) in columns of the table, none of them missing."""
    values = _of_columns(given, names)
    if not np.isfinite(values).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(values)))
        raise UserError(
            f"{given.title} has no number in the column {names[column]} for the picture "
            f"{stimuli_of(given.observations).index[row]}; extract its activations, or leave the column out"
        )
    return values


def _of_columns(given: Given, names: Sequence[str]) -> Floats:
    """Activations (S, U) in columns of the table: of each picture the one number that its rows have, or NaN.

    Raises UserError if rows of one picture have different numbers.
    """
    assert given.trials is not None
    rows = given.trials.groupby("stimulus", sort=True)[list(names)]
    least, most = (found.to_numpy(dtype=np.float64) for found in (rows.min(), rows.max()))
    differs = least < most
    if differs.any():
        row, column = (int(place[0]) for place in np.nonzero(differs))
        picture = stimuli_of(given.observations).index[row]
        raise UserError(
            f"{given.title} has different numbers in the column {names[column]} for the picture "
            f"{picture}, {least[row, column]:g} and {most[row, column]:g}; "
            "extract its activations again, or leave the column out"
        )
    return least


def _weights(series: Series) -> str:
    return f"{series.model}, {series.layer}, {series.preprocess}"


def _of_series(given: Given, store: ActivationStore, series: Series, manifest: Path | None) -> Floats:
    return store.read_series(series, _images(given, manifest)).astype(np.float64)


def _images(given: Given, manifest: Path | None) -> list[str]:
    """The SHA-256 of each stimulus's image, by which a store finds its activations."""
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
    return [hashes[str(name)] for name in stimuli]


def _with_layers(given: Given, options: dict[str, Any]) -> Given:
    if options["neuron_map"] is None:
        _refuse_layer(options, "there is no --neuron-map")
    layers, notes = [], list(given.notes)
    if options["store"] is not None:
        layers = _layers_of_store(given, options, notes)
    elif given.trials is not None and channels(list(given.trials.columns)):
        layers = _layer_of_table(given, given.trials, notes)
    weights = given.weights | {layer.name: layer.weights for layer in layers}
    return replace(given, layers=tuple(layers), weights=weights, notes=tuple(notes))


def _layers_of_store(given: Given, options: dict[str, Any], notes: list[str]) -> list[Layer]:
    """The series of a store that have numbers for all pictures; of others say that they are left out."""
    from scoring.activations.store import ActivationStore

    store = ActivationStore(options["store"])
    images, layers = _images(given, options["manifest"]), []
    for series in store.series():
        missing = set(store.missing(series, images))
        lacking = sum(image in missing for image in images)
        if not lacking:
            values = store.read_series(series, images).astype(np.float64)
            lacking = int((~np.isfinite(values)).any(axis=1).sum())
        if lacking:
            notes.append(
                f"The layer {_name(series)} is left out, since it lacks activations of {lacking} of the "
                f"{len(images)} pictures."
            )
        else:
            layers.append(Layer(_name(series), _weights(series), values))
    return layers


def _layer_of_table(given: Given, trials: pd.DataFrame, notes: list[str]) -> list[Layer]:
    """The table's activation columns that have a number for each picture, as one layer."""
    names = [activation_column(channel) for channel in channels(list(trials.columns))]
    values = _of_columns(given, names)
    whole = np.isfinite(values).all(axis=0)
    if not whole.all():
        lacking = [names[at] for at in np.flatnonzero(~whole)]
        notes.append(f"Columns that lack activations of some pictures are left out: {listed(lacking)}.")
    if not whole.any():
        return []
    return [Layer(f"{int(whole.sum())} units of the table", given.table_weights, values[:, whole])]


def _name(series: Series) -> str:
    return f"{series.model.split(' ')[0]} {series.layer} {series.preprocess}"
