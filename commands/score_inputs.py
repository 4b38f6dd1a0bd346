"""What ``score`` reads: the rows of a file or of a study, their activations, and the model for C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scoring.counted_rows import check_concepts, check_units, counted_rows, listed
from scoring.labels import UNKNOWN_WEIGHTS
from scoring.neuron_map import Pair, concept_key
from scoring.published.interpscore import Settings as PublishedSettings
from scoring.statistics import Floats
from scoring.trial_cells import Gathered, Levels, cells_of_stimuli, cells_of_trials
from scoring.trial_table import EXPERIMENT, activation_column, channels, read_trials
from stimuli.errors import UserError
from stimuli.manifest import Stimulus
from stimuli.perturbations import CLEAN, DREAMS

if TYPE_CHECKING:
    from scoring.activations.model import LoadedModel
    from scoring.activations.store import ActivationStore, Series
    from scoring.causal_effects import CausalEffects

#: what to know of a study that was opened to be tried out
REHEARSAL = "The study was open as a rehearsal: its responses are no data."
#: fewest bytes of a key for pseudonyms
SHORTEST_KEY = 16
#: the level of dreams in the published data set
PUBLISHED_DREAMS = (4,)


@dataclass(frozen=True)
class Trials:
    """The rows to score: where they come from, the levels by role, and what their reader must know.

    ``stimuli`` has all test stimuli of a study (``stimulus``, ``concept``, ``source``, ``level``), whether
    answered or not, and ``activation`` (stimuli, units) theirs; both are None where the rows bring their own.
    ``units`` are all that there are.
    """

    frame: pd.DataFrame
    origin: str
    units: tuple[int, ...] = ()
    clean: int = PublishedSettings.clean_level
    invariant: tuple[int, ...] = PublishedSettings.invariant_levels
    adversarial: tuple[int, ...] = PublishedSettings.adversarial_levels
    dreams: tuple[int, ...] = ()
    weights: str = UNKNOWN_WEIGHTS
    notes: tuple[str, ...] = ()
    stimuli: pd.DataFrame | None = None
    activation: Floats | None = field(default=None, repr=False)

    def cells(self, levels: Levels, score_column: str) -> Gathered:
        """Arrange them in cells, with all units."""
        if self.stimuli is None or self.activation is None:
            return cells_of_trials(self.frame, self.units, levels, score_column, self.origin)
        return cells_of_stimuli(
            self.stimuli, self.activation, self.units, self.frame, levels, score_column, self.origin
        )


def trials_of_file(data: Path, pairs: Sequence[Pair] | None, options: dict[str, Any]) -> Trials:
    """Read a trial table with the activations it brings, of the pairs' units only under ``--reference``."""
    key = key_of_file(options["key_file"])
    wanted = [pair.channel for pair in pairs] if pairs is not None and options["reference"] else None
    frame = read_trials(data, key=key, score_column=options["human_score_col"], units=wanted)
    there = tuple(frame.attrs.get("channels") or channels(list(frame.columns)))
    if not there:
        raise UserError(
            f"{data} has no column {activation_column(0)} or the like; join the units' activations"
        )
    check_pairs(frame, pairs, str(data))
    units = there if wanted is None else tuple(dict.fromkeys(wanted))
    dreams = PUBLISHED_DREAMS if frame.attrs["form"] == "published" else _dream_levels(frame)
    notes = (*frame.attrs["notes"], *_exclusions(frame), *adaptive_notes(frame))
    return Trials(frame, str(data), units, dreams=dreams, notes=notes)


def _dream_levels(frame: pd.DataFrame) -> tuple[int, ...]:
    """Levels of a table of our own form that show dreams, by the name of the perturbation."""
    rows = frame["level"].notna() & frame["perturbation"].isin(DREAMS)
    return tuple(sorted(set(frame.loc[rows, "level"].astype(int))))


def check_pairs(frame: pd.DataFrame, pairs: Sequence[Pair] | None, origin: str) -> None:
    """Raise UserError if a unit or concept of the pairs is not there."""
    if pairs is not None:
        check_units(frame, pairs, origin)
        check_concepts(counted_rows(frame, origin), pairs, origin)


def key_of_file(path: Path | None) -> bytes | None:
    """Read the key of pseudonyms; raises UserError if it cannot be read or is too short."""
    if path is None:
        return None
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise UserError(f"cannot read the key file {path} ({error.strerror}); check the path") from error
    if len(key) < SHORTEST_KEY:
        raise UserError(f"the key in {path} is too short; give it at least {SHORTEST_KEY} random characters")
    return key


def _exclusions(frame: pd.DataFrame) -> tuple[str, ...]:
    excluded = int((frame["excluded"].fillna(False) & frame["trial_category"].eq(EXPERIMENT)).sum())
    return (f"{excluded} rows are marked as excluded and left out.",) if excluded else ()


def adaptive_notes(frame: pd.DataFrame) -> tuple[str, ...]:
    """Say of a trial table that severities followed the answers in some of its rows, if they did."""
    if "adaptive" not in frame:
        return ()
    count = int(frame["adaptive"].fillna(False).astype(bool).sum())
    if not count:
        return ()
    return (
        f"{count} rows are adaptive: who answers better is shown harder pictures, so that recognition at "
        "their severities is not that of all participants.",
    )


def rows_of_study(name: str) -> Trials:
    """Take a study's judged answers, all its test stimuli, and the roles of its levels; no activations yet.

    Raises UserError if there is no such study, or nobody has answered a test trial.
    """
    from commands.database import study_database
    from experiment_server.services.identities import vault_of
    from experiment_server.settings import load_settings
    from exports.pseudonyms import Redactor, secrets_of
    from exports.snapshot import study_snapshot
    from exports.stimulus_tables import study_stimuli
    from exports.trial_tables import trial_table

    settings = load_settings()
    vault = vault_of(settings)
    with study_database(settings) as engine, study_snapshot(engine, name) as (connection, study):
        answered = trial_table(connection, study, Redactor(secrets_of(connection, study.id, vault)))
        stimuli = study_stimuli(connection, study)
    roles = study.roles
    frame = answered[answered["trial_category"].eq(EXPERIMENT)].reset_index(drop=True)
    if frame.empty:
        raise UserError(f"nobody has answered a test trial of the study {name}; collect responses first")
    return Trials(
        frame=frame,
        origin=f"the study {name}",
        clean=_levels(roles, "clean")[0],
        invariant=_levels(roles, "invariant"),
        adversarial=_levels(roles, "adversarial"),
        dreams=_levels(roles, "dream"),
        notes=(*((REHEARSAL,) if study.rehearsal else ()), *_exclusions(frame), *adaptive_notes(frame)),
        stimuli=stimuli[stimuli["kind"].eq("test")].reset_index(drop=True),
    )


def with_series(trials: Trials, store: ActivationStore, series: Series) -> Trials:
    """Give a study's stimuli the activations of one series of a store, all its units."""
    if trials.stimuli is None:
        raise ValueError("only a study's stimuli are found in a store")
    values = store.read_series(series, trials.stimuli["image_sha256"].tolist()).astype(np.float64)
    return replace(trials, units=tuple(range(values.shape[1])), activation=values, weights=series.model)


def trials_of_study(
    pairs: Sequence[Pair] | None, loaded: LoadedModel | None, options: dict[str, Any]
) -> Trials:
    """Take a study's rows and stimuli, with activations from the store."""
    from scoring.activations.store import ActivationStore

    rows = rows_of_study(options["study"])
    store = ActivationStore(options["store"])
    series = store.find(options["layer"], options["preprocess"], loaded.weights_hash if loaded else None)
    options.update(layer=series.layer, preprocess=series.preprocess)
    trials = with_series(rows, store, series)
    if pairs is not None:
        _check_channels(pairs, len(trials.units))
        check_concepts(counted_rows(trials.frame, trials.origin), pairs, trials.origin)
    return trials


def _check_channels(pairs: Sequence[Pair], count: int) -> None:
    for pair in pairs:
        if not 0 <= pair.channel < count:
            raise UserError(
                f"unit {pair.channel} is not in the activation store, which has units 0 to {count - 1}; "
                "name another unit"
            )


def _levels(roles: dict[int, str], role: str) -> tuple[int, ...]:
    return tuple(level for level, its_role in sorted(roles.items()) if its_role == role)


def with_activations(trials: Trials, units: Sequence[int]) -> Trials:
    """Join some units' activations to a study's rows as columns, as the published method takes them."""
    if trials.stimuli is None or trials.activation is None:
        return trials
    place = pd.Series(range(len(trials.stimuli)), trials.stimuli["stimulus"].to_numpy(str))
    values = trials.activation[place[trials.frame["stimulus"].to_numpy(str)].to_numpy()]
    columns = {activation_column(unit): values[:, unit] for unit in units}
    joined = pd.concat([trials.frame, pd.DataFrame(columns, index=trials.frame.index)], axis=1)
    return replace(trials, frame=joined)


def of_clusters(trials: Trials, stimuli: Sequence[Stimulus], clusters: tuple[str, ...]) -> Trials:
    """Keep what has a source that belongs to one of the clusters."""
    if not clusters:
        return trials
    known = sorted({stimulus.cluster for stimulus in stimuli})
    for cluster in clusters:
        if cluster not in known:
            raise UserError(f"the manifest has no cluster {cluster}; it has {listed(known)}")
    sources = {stimulus.source for stimulus in stimuli if stimulus.cluster in clusters}
    kept = trials.frame[trials.frame["source"].isin(sources)]
    if kept.empty:
        raise UserError(f"{trials.origin} has no row with a source of the cluster {', '.join(clusters)}")
    note = f"Only sources of the cluster {', '.join(clusters)} are scored."
    trials = replace(trials, frame=kept, notes=(*trials.notes, note))
    if trials.stimuli is None or trials.activation is None:
        return trials
    shown = trials.stimuli["source"].isin(sources).to_numpy(bool)
    return replace(
        trials, stimuli=trials.stimuli[shown].reset_index(drop=True), activation=trials.activation[shown]
    )


def model_of(options: dict[str, Any]) -> LoadedModel | None:
    """Load the model that C is measured on; None where C is not measured."""
    if not options["manifest"] or not (names_model(options) or options["study"]):
        return None
    from scoring.activations.model import DEMO, load_model

    return load_model(
        options["model"] or DEMO, options["pretrained"], options["device"] or "auto", options["checkpoint"]
    )


def names_model(options: dict[str, Any]) -> bool:
    """Tell whether an option names a model."""
    return bool(options["model"] or options["checkpoint"] or options["pretrained"])


def causal_effects(
    gathered: Gathered,
    stimuli: Sequence[Stimulus],
    loaded: LoadedModel | None,
    options: dict[str, Any],
    track: Any,
) -> CausalEffects | None:
    """Measure every unit's effects on the clean images of the cells' sources; None without a model.

    Raises UserError if none of the manifest's clean images is of a source in the cells.
    """
    if loaded is None:
        return None
    from scoring.causal_effects import measure_effects

    folder = options["manifest"] if options["manifest"].is_dir() else options["manifest"].parent
    cells = gathered.cells
    images = [
        (row.source, concept_key(row.concept), folder / row.image, row.image_sha256)
        for row in stimuli
        if row.condition == CLEAN and row.source in set(cells.sources)
    ]
    if not images:
        raise UserError(
            f"no clean image of {options['manifest']} has a source that is scored; "
            "give the manifest that the images come from, or leave --manifest out"
        )
    preprocess = options["preprocess"] or "squash"
    return measure_effects(loaded, images, cells.concepts, options["layer"], preprocess, track=track)
