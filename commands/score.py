"""``manage.py score``: units for concepts, S, C, R, H and InterpScore."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from commands.options import force_option, json_option, progress, quiet_option
from exports.spreadsheets import safe_for_spreadsheets
from scoring.neuron_map import Pair, read_neuron_map
from scoring.published.images import gather, listed
from scoring.published.interpscore import RESULT_COLUMNS, UNKNOWN_WEIGHTS, Labels, Settings, score_pairs
from scoring.statistics import Floats
from scoring.trial_table import EXPERIMENT, read_trials
from stimuli.errors import UserError
from stimuli.files import refuse_to_overwrite, replacing
from stimuli.manifest import Stimulus, read_manifest

if TYPE_CHECKING:
    from scoring.activations.model import LoadedModel

PATH = click.Path(path_type=Path)

#: options that take one or more whole numbers, as the published command line has them
LEVEL_OPTIONS = ("--recognizable-levels", "--adversarial-level")
_LEVELS = re.compile(r"\d+(,\d+)*")

#: fewest bytes of a key for pseudonyms
SHORTEST_KEY = 16


def _as_levels(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Turn "1,2" into (1, 2)."""
    if value is None:
        return None
    if not _LEVELS.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not a whole number, nor several of them", ctx, param)
    return tuple(int(level) for level in value.split(","))


class PublishedCommand(click.Command):
    """A command whose level options take several words: ``--recognizable-levels 1 2``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Join the words of such an option by commas, and split weights that were joined."""
        return super().parse_args(ctx, list(_regroup(args)))


def _regroup(args: Sequence[str]) -> Iterator[str]:
    rest = list(args)
    while rest:
        word = rest.pop(0)
        yield word
        if word in LEVEL_OPTIONS and rest and _LEVELS.fullmatch(rest[0]):
            levels = [rest.pop(0)]
            while rest and _LEVELS.fullmatch(rest[0]):
                levels.append(rest.pop(0))
            yield ",".join(levels)
        elif word == "--weights" and rest and "," in rest[0]:
            yield from rest.pop(0).split(",")


@dataclass(frozen=True)
class Trials:
    """The rows to score: where they come from, the levels by role, and what their reader must know."""

    frame: pd.DataFrame
    origin: str
    clean: int = Settings.clean_level
    invariant: tuple[int, ...] = Settings.invariant_levels
    adversarial: tuple[int, ...] = Settings.adversarial_levels
    weights: str = UNKNOWN_WEIGHTS
    notes: tuple[str, ...] = ()


@click.command(cls=PublishedCommand)
@click.argument("paths", nargs=-1, type=PATH, metavar="[DATA] NEURON_MAP RESULTS")
@click.option("--reference", is_flag=True, help="Use the published method.")
@click.option("--study", help="Score this study of the database instead of DATA.")
@click.option("--store", type=PATH, help="With --study: the store of `activations extract`.")
@click.option("--clean-level", type=int, help="Level of the clean images.  [default: 5, or the study's]")
@click.option(
    "--recognizable-levels",
    callback=_as_levels,
    help="Benign levels of R, one or more: 1 2.  [default: 1 2, or the study's]",
)
@click.option(
    "--adversarial-level",
    callback=_as_levels,
    help="Adversarial level(s) of R.  [default: 3, or the study's]",
)
@click.option(
    "--threshold-percentile",
    type=click.FloatRange(0, 1),
    default=Settings.percentile,
    show_default=True,
    help="H counts rows above this quantile of the other concepts' clean rows.",
)
@click.option(
    "--min-p-value",
    type=click.FloatRange(0, 1),
    help="H needs recognition above the other concepts' at this p (one-sided binomial test).",
)
@click.option(
    "--human-score-col",
    default=Settings.score_column,
    show_default=True,
    help="Column of the human score, in [0, 1].",
)
@click.option(
    "--weights", nargs=4, type=float, metavar="S C R H", help="Weights of the composite.  [default: equal]"
)
@click.option("--manifest", type=PATH, help="Folder of `stimuli build`: its clean images make C.")
@click.option("--cluster", "clusters", multiple=True, help="Score sources of this cluster only; repeatable.")
@click.option("--model", help="Model for C.  [default with --study: demo]")
@click.option("--pretrained", help="Tag of the model's pretrained weights, such as openai.")
@click.option("--checkpoint", type=PATH, help="Local weights of the model.")
@click.option("--layer", help="Layer of the units.  [default: the last ReLU of the last block]")
@click.option("--device", help="For C: auto, cpu, cuda or cuda:N.  [default: auto]")
@click.option(
    "--preprocess", type=click.Choice(("squash", "model")), help="[default: squash, or the store's]"
)
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=Settings.resamples,
    show_default=True,
    help="Draws of sources for the intervals and the nulls; 0 for neither.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=Settings.seed, show_default=True, help="Of the draws."
)
@click.option("--key-file", type=PATH, help="Key for pseudonyms, where DATA has a PROLIFIC_PID column.")
@force_option
@quiet_option
@json_option
def score(paths: tuple[Path, ...], quiet: bool, as_json: bool, force: bool, **options: Any) -> None:
    """Score units for concepts: S, C, R, H, InterpScore.

    DATA is a trial table, CSV or Parquet, with a column activation_<unit> for each unit of NEURON_MAP,
    a JSON object {"89": "Trump"}; RESULTS is the CSV to write. With --study, leave DATA out.

    \b
    Example:
      python manage.py score trials.csv neuron_map.json results.csv --reference
      python manage.py score --study demo neuron_map.json results.csv --reference \\
        --store activations.zarr --manifest stimuli/
    """
    data, neuron_map, results = _three_paths(paths, options["study"])
    _check_request(results, force, options)
    pairs = read_neuron_map(neuron_map)
    stimuli = read_manifest(options["manifest"]) if options["manifest"] else []
    loaded = _model(options)
    trials = _study(pairs, loaded, options) if data is None else _file(data, pairs, options)
    trials = _of_clusters(trials, stimuli, options["clusters"])
    settings = _settings(trials, options)
    images = gather(trials.frame, pairs, settings.score_column, trials.origin)
    changes = _changes(pairs, stimuli, loaded, trials, options, quiet or as_json)
    labels = Labels(trials.weights, loaded.label if loaded else "")
    scored = score_pairs(images, pairs, settings, origin=trials.origin, changes=changes, labels=labels)
    rows = list(progress(scored, "pairs", len(pairs), quiet=quiet or as_json))
    table = pd.DataFrame(rows, columns=list(RESULT_COLUMNS))
    with replacing(results, force=force) as temporary:
        safe_for_spreadsheets(table).to_csv(temporary, index=False, lineterminator="\n")
    _tell(table, results, trials.notes, settings, quiet, as_json)


def _three_paths(paths: tuple[Path, ...], study: str | None) -> tuple[Path | None, Path, Path]:
    wanted = ("NEURON_MAP", "RESULTS") if study else ("DATA", "NEURON_MAP", "RESULTS")
    if len(paths) != len(wanted):
        raise click.UsageError(
            f"give {', '.join(wanted)}{' with --study' if study else ''}; there are {len(paths)} paths"
        )
    return (None if study else paths[0]), paths[-2], paths[-1]


def _check_request(results: Path, force: bool, options: dict[str, Any]) -> None:
    if not options["reference"]:
        raise UserError("this version of score computes the published method only; add --reference")
    if options["study"] and not options["store"]:
        raise UserError("score --study needs the units' activations; add --store")
    if options["study"] and options["key_file"]:
        raise UserError("--key-file is for the PROLIFIC_PID of DATA; leave it out with --study")
    if options["store"] and not options["study"]:
        raise UserError("--store goes with --study, since DATA brings its own activations; leave it out")
    if options["clusters"] and not options["manifest"]:
        raise UserError("--cluster needs the manifest that names the clusters; add --manifest")
    _check_model_options(options)
    if results.suffix in {".json", ".parquet"}:
        raise UserError(f"the results are written as CSV; name {results.name} with the ending .csv")
    refuse_to_overwrite(results, force)


def _names_model(options: dict[str, Any]) -> bool:
    return bool(options["model"] or options["checkpoint"] or options["pretrained"])


def _check_model_options(options: dict[str, Any]) -> None:
    """Refuse options of a model where there is none that they would act on."""
    if _names_model(options) and not options["manifest"]:
        raise UserError("a model needs the images to measure C on; add --manifest, or leave the model out")
    acting = {"layer", "preprocess"} if options["study"] else set()
    acting |= {"layer", "preprocess", "device"} if options["manifest"] else set()
    for name in ("layer", "preprocess", "device"):
        if options[name] and name not in acting:
            raise UserError(f"--{name} is for the model that C is measured on; add --manifest and --model")


def _model(options: dict[str, Any]) -> LoadedModel | None:
    """Load the model that C is measured on; None where C is not measured."""
    if not options["manifest"] or not (_names_model(options) or options["study"]):
        return None
    from scoring.activations.model import DEMO, load_model

    return load_model(
        options["model"] or DEMO, options["pretrained"], options["device"] or "auto", options["checkpoint"]
    )


def _file(data: Path, pairs: Sequence[Pair], options: dict[str, Any]) -> Trials:
    key = _key(options["key_file"])
    units = [pair.channel for pair in pairs]
    frame = read_trials(data, key=key, score_column=options["human_score_col"], units=units)
    return Trials(frame, str(data), notes=(*frame.attrs["notes"], *_exclusions(frame)))


def _key(path: Path | None) -> bytes | None:
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


def _study(pairs: Sequence[Pair], loaded: LoadedModel | None, options: dict[str, Any]) -> Trials:
    """Take the rows of a study, with activations from the store and roles from its definition."""
    from commands.database import study_database
    from experiment_server.services.identities import vault_of
    from experiment_server.settings import load_settings
    from exports.activations import add_activations
    from exports.trial_tables import image_hashes, study_roles, study_trials
    from scoring.activations.store import ActivationStore

    name = options["study"]
    settings = load_settings()
    with study_database(settings) as engine:
        answered = study_trials(engine, name, vault_of(settings))
        hashes = image_hashes(engine, name)
        roles = study_roles(engine, name)
    frame = answered[answered["trial_category"].eq(EXPERIMENT)].reset_index(drop=True)
    if frame.empty:
        raise UserError(f"nobody has answered a test trial of the study {name}; collect responses first")
    weights = loaded.weights_hash if loaded else None
    store = ActivationStore(options["store"])
    series = store.find(options["layer"], options["preprocess"], weights)
    options.update(layer=series.layer, preprocess=series.preprocess)
    units = list(dict.fromkeys(pair.channel for pair in pairs))
    full = add_activations(frame, store, series.layer, series.preprocess, units, hashes, series.weights_hash)
    clean, *_ = _levels(roles, "clean")
    return Trials(
        full,
        f"the study {name}",
        clean,
        _levels(roles, "invariant"),
        _levels(roles, "adversarial"),
        series.model,
        _exclusions(full),
    )


def _levels(roles: dict[int, str], role: str) -> tuple[int, ...]:
    return tuple(level for level, its_role in sorted(roles.items()) if its_role == role)


def _of_clusters(trials: Trials, stimuli: Sequence[Stimulus], clusters: tuple[str, ...]) -> Trials:
    """Keep the rows whose source belongs to one of the clusters."""
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
    return Trials(**{**vars(trials), "frame": kept, "notes": (*trials.notes, note)})


def _settings(trials: Trials, options: dict[str, Any]) -> Settings:
    def chosen(option: str, default: Any) -> Any:
        return default if options[option] is None else options[option]

    return Settings(
        clean_level=chosen("clean_level", trials.clean),
        invariant_levels=chosen("recognizable_levels", trials.invariant),
        adversarial_levels=chosen("adversarial_level", trials.adversarial),
        percentile=options["threshold_percentile"],
        min_p_value=options["min_p_value"],
        score_column=options["human_score_col"],
        weights=chosen("weights", Settings.weights),
        resamples=options["resamples"],
        seed=options["seed"],
    )


def _changes(
    pairs: Sequence[Pair],
    stimuli: Sequence[Stimulus],
    loaded: LoadedModel | None,
    trials: Trials,
    options: dict[str, Any],
    quiet: bool,
) -> dict[Pair, Floats] | None:
    """Measure what C needs on the manifest's clean images, of the chosen clusters only."""
    if loaded is None:
        return None
    from scoring.published.embedding_changes import changes_by_concept

    clusters, manifest = options["clusters"], options["manifest"]
    folder = manifest if manifest.is_dir() else manifest.parent
    of_clusters = [stimulus for stimulus in stimuli if not clusters or stimulus.cluster in clusters]
    preprocess = options["preprocess"] or "squash"
    measured = changes_by_concept(pairs, of_clusters, folder, loaded, options["layer"], preprocess)
    concepts = len({pair.key for pair in pairs})
    changes: dict[Pair, Floats] = {}
    for found in progress(measured, "concepts for C", concepts, quiet=quiet):
        changes |= found
    return changes


def _tell(
    table: pd.DataFrame, results: Path, notes: Sequence[str], settings: Settings, quiet: bool, as_json: bool
) -> None:
    if as_json:
        click.echo(_as_json(table, results, notes))
    elif not quiet:
        _print(table, results, notes, settings)


def _as_json(table: pd.DataFrame, results: Path, notes: Sequence[str]) -> str:
    import json

    pairs = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps({"results": str(results), "notes": list(notes), "pairs": pairs}, allow_nan=False)


def _print(table: pd.DataFrame, results: Path, notes: Sequence[str], settings: Settings) -> None:
    console = Console(width=None if Console().is_terminal else 120)
    console.print(_rich_table(table))
    for row in table[table["Notes"] != ""].to_dict("records"):
        console.print(f"Unit {row['Neuron']}, {row['Concept']}: {row['Notes']}", soft_wrap=True, markup=False)
    for line in (*notes, *_provenance(table, settings), f"Written: {results}"):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _rich_table(table: pd.DataFrame) -> Table:
    shown = Table(title="Published method; 95% interval; null: median when sources exchange activations")
    for name in ("Unit", "Concept", "S", "C", "R", "H", "InterpScore", "SRH", "trials", "sources"):
        shown.add_column(name, justify="left" if name == "Concept" else "right")
    for row in table.to_dict("records"):
        cells = {name: _cell(row, str(name)) for name in ("S", "C", "R", "H", "InterpScore", "SRH")}
        shown.add_row(
            *(str(row["Neuron"]), str(row["Concept"]), *cells.values()),
            *(str(row["n_trials"]), str(row["n_sources"])),
        )
    return shown


def _cell(row: dict[Any, Any], name: str) -> str:
    lines = ["–" if np.isnan(row[name]) else f"{row[name]:.3f}"]
    if not np.isnan(row.get(f"{name}_low", np.nan)):
        lines.append(f"{row[f'{name}_low']:.2f}–{row[f'{name}_high']:.2f}")
    if not np.isnan(row.get(f"{name}_null", np.nan)):
        lines.append(f"null {row[f'{name}_null']:.2f}")
    return "\n".join(lines)


def _provenance(table: pd.DataFrame, settings: Settings) -> Iterator[str]:
    first = table.iloc[0]
    yield f"Weights: {first['weights']}." + (f" C: {first['C_weights']}." if first["C_weights"] else "")
    yield (
        f"Resampled: whole sources, {settings.resamples} draws for the intervals and for the nulls, "
        f"seed {settings.seed}."
        if settings.resamples
        else "No intervals and no nulls (--resamples 0)."
    )
