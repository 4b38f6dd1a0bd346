"""``manage.py score``: units for concepts, S, C, R, H and InterpScore."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from commands.options import force_option, json_option, progress, quiet_option
from commands.score_inputs import (
    Trials,
    causal_effects,
    model_of,
    names_model,
    of_clusters,
    trials_of_file,
    trials_of_study,
    with_activations,
)
from commands.score_output import tell
from exports.spreadsheets import safe_for_spreadsheets
from scoring.effects import Settings
from scoring.interpscore import score_cells
from scoring.labels import Labels
from scoring.neuron_map import Pair, read_neuron_map
from scoring.published.every_pair import every_pair
from scoring.published.images import gather
from scoring.published.interpscore import RESULT_COLUMNS, score_pairs
from scoring.published.interpscore import Settings as PublishedSettings
from scoring.statistics import Floats
from scoring.trial_cells import Levels
from stimuli.errors import UserError
from stimuli.files import refuse_to_overwrite, replacing
from stimuli.manifest import Stimulus, read_manifest

if TYPE_CHECKING:
    from scoring.activations.model import LoadedModel

PATH = click.Path(path_type=Path)

#: options that take one or more whole numbers, as the published command line has them
LEVEL_OPTIONS = ("--recognizable-levels", "--adversarial-level", "--dream-level")
_LEVELS = re.compile(r"\d+(,\d+)*")

#: options that only the published method, or only the default one, has a use for
PUBLISHED_ONLY = ("threshold_percentile", "min_p_value")
DEFAULT_ONLY = ("dream_level",)


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


@click.command(cls=PublishedCommand)
@click.argument("paths", nargs=-1, type=PATH, metavar="[DATA] [NEURON_MAP] RESULTS")
@click.option("--reference", is_flag=True, help="Use the published method instead.")
@click.option("--study", help="Score this study of the database instead of DATA.")
@click.option("--store", type=PATH, help="With --study: the store of `activations extract`.")
@click.option("--every-pair", is_flag=True, help="Score every unit for every concept; leave NEURON_MAP out.")
@click.option("--clean-level", type=int, help="Level of the clean images.  [default: 5, or the study's]")
@click.option(
    "--recognizable-levels",
    callback=_as_levels,
    help="Benign degraded levels, one or more: 1 2.  [default: all, or the study's; --reference: 1 2]",
)
@click.option(
    "--adversarial-level",
    callback=_as_levels,
    help="Adversarial degraded level(s).  [default: all, or the study's; --reference: 3]",
)
@click.option(
    "--dream-level",
    callback=_as_levels,
    help="Level(s) of images optimised for a unit, left out.  [default: the study's; 4 in published data]",
)
@click.option(
    "--threshold-percentile",
    type=click.FloatRange(0, 1),
    help="--reference: H counts rows above this quantile of the other concepts' clean rows.  [default: 0.95]",
)
@click.option(
    "--min-p-value",
    type=click.FloatRange(0, 1),
    help="--reference: H needs recognition above the other concepts' at this p (one-sided binomial test).",
)
@click.option(
    "--human-score-col",
    default=PublishedSettings.score_column,
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
@click.option(
    "--layer", help="Layer of the units.  [default: the store's only one; without a store the last block]"
)
@click.option("--device", help="For C: auto, cpu, cuda or cuda:N.  [default: auto]")
@click.option(
    "--preprocess",
    type=click.Choice(("squash", "model")),
    help="squash: the whole picture, by Lanczos; model: open_clip's own.  [default: the store's, or squash]",
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

    DATA is a trial table, CSV or Parquet, with a column activation_<unit> for each unit; NEURON_MAP is a
    JSON object {"89": "Trump"}; RESULTS is the CSV to write, and its controls go beside it
    (RESULTS_controls.csv). With --study, leave DATA out; with --every-pair, leave NEURON_MAP out. All units
    that are there are controls of those in the map.

    \b
    Example:
      python manage.py score trials.csv neuron_map.json results.csv
      python manage.py score --study demo neuron_map.json results.csv \\
        --store activations.zarr --manifest stimuli/
    """
    data, neuron_map, results = _paths(paths, options)
    written = _check_request(results, force, options)
    _refuse_inputs(written, [data, neuron_map, options["key_file"]])
    pairs = read_neuron_map(neuron_map) if neuron_map else None
    stimuli = read_manifest(options["manifest"]) if options["manifest"] else []
    loaded = model_of(options)
    trials = trials_of_study(pairs, loaded, options) if data is None else trials_of_file(data, pairs, options)
    trials = of_clusters(trials, stimuli, options["clusters"])
    run = _published if options["reference"] else _default
    table, controls, notes = run(trials, pairs, stimuli, loaded, options, quiet or as_json)
    if controls is None:
        written.pop().unlink(missing_ok=True)
    _write([table, *([] if controls is None else [controls])], written, force)
    tell(table, controls, written, notes, quiet=quiet, as_json=as_json)


def _paths(paths: tuple[Path, ...], options: dict[str, Any]) -> tuple[Path | None, Path | None, Path]:
    """DATA, NEURON_MAP and RESULTS, as many of them as the options leave."""
    wanted = ["RESULTS"]
    if not options["every_pair"]:
        wanted.insert(0, "NEURON_MAP")
    if not options["study"]:
        wanted.insert(0, "DATA")
    if len(paths) != len(wanted):
        given = [f"--{name.replace('_', '-')}" for name in ("study", "every_pair") if options[name]]
        suffix = f" with {' and '.join(given)}" if given else ""
        raise click.UsageError(f"give {', '.join(wanted)}{suffix}; there are {len(paths)} paths")
    named = dict(zip(wanted, paths, strict=True))
    return named.get("DATA"), named.get("NEURON_MAP"), named["RESULTS"]


def _check_request(results: Path, force: bool, options: dict[str, Any]) -> list[Path]:
    """Refuse what cannot be done before anything is read; name the results' file and the controls'.

    Without controls there is to be none of an older scoring beside the results either.
    """
    _check_method(options)
    if options["study"] and not options["store"]:
        raise UserError("score --study needs the units' activations; add --store")
    if options["study"] and options["key_file"]:
        raise UserError("--key-file is for the PROLIFIC_PID of DATA; leave it out with --study")
    if options["store"] and not options["study"]:
        raise UserError("--store goes with --study, since DATA brings its own activations; leave it out")
    if options["clusters"] and not options["manifest"]:
        raise UserError("--cluster needs the manifest that names the clusters; add --manifest")
    _check_model_options(options)
    if results.suffix.lower() in {".json", ".parquet"}:
        raise UserError(f"the results are written as CSV; name {results.name} with the ending .csv")
    written = [results, results.with_name(f"{results.stem}_controls{results.suffix}")]
    for path in written:
        refuse_to_overwrite(path, force)
    return written


def _refuse_inputs(written: Sequence[Path], read: Sequence[Path | None]) -> None:
    """Refuse to write what is read, with --force as well."""
    inputs = {path.resolve() for path in read if path is not None}
    for path in written:
        if path.resolve() in inputs:
            raise UserError(f"{path} would be written and is read too; give RESULTS another name")


def _check_method(options: dict[str, Any]) -> None:
    """Refuse options that the chosen method has no use for."""
    without = DEFAULT_ONLY if options["reference"] else PUBLISHED_ONLY
    remedy = "leave it out with --reference" if options["reference"] else "leave it out, or add --reference"
    for name in without:
        if options[name] is not None:
            method = "default score" if options["reference"] else "published method"
            raise UserError(f"--{name.replace('_', '-')} belongs to the {method}; {remedy}")
    if options["reference"] and options["every_pair"] and options["resamples"]:
        raise UserError(
            "--reference --every-pair gives values without intervals and nulls; add --resamples 0"
        )


def _check_model_options(options: dict[str, Any]) -> None:
    """Refuse options of a model where there is none that they would act on."""
    if names_model(options) and not options["manifest"]:
        raise UserError("a model needs the images to measure C on; add --manifest, or leave the model out")
    acting = {"layer", "preprocess"} if options["study"] else set()
    acting |= {"layer", "preprocess", "device"} if options["manifest"] else set()
    for name in ("layer", "preprocess", "device"):
        if options[name] and name not in acting:
            raise UserError(f"--{name} is for the model that C is measured on; add --manifest and --model")


Outcome = tuple[pd.DataFrame, pd.DataFrame | None, tuple[str, ...]]


def _default(
    trials: Trials,
    pairs: Sequence[Pair] | None,
    stimuli: Sequence[Stimulus],
    loaded: LoadedModel | None,
    options: dict[str, Any],
    quiet: bool,
) -> Outcome:
    """Score by the default method."""
    gathered = trials.cells(_levels(trials, options), options["human_score_col"])

    def track(things: Iterable[Any], what: str, total: int) -> Iterator[Any]:
        return progress(things, what, total, quiet=quiet)

    def images(things: Iterable[Any], total: int) -> Iterator[Any]:
        return track(things, "images for C", total)

    effects = causal_effects(gathered, stimuli, loaded, options, images)
    settings = Settings(options["weights"] or Settings.weights, options["resamples"], options["seed"])
    labels = Labels(trials.weights, "" if effects is None else f"{effects.weights}, {effects.method}")
    found = score_cells(gathered.cells, pairs, settings, effects=effects, labels=labels, track=track)
    controls = None if pairs is None else found.controls
    few = _few_units(pairs, gathered.cells.units)
    return found.table, controls, (*trials.notes, *gathered.notes, *few, *found.notes)


def _few_units(pairs: Sequence[Pair] | None, units: Sequence[int]) -> tuple[str, ...]:
    """What to know where there are no units but the labelled ones."""
    if pairs is None or {pair.channel for pair in pairs} < set(units):
        return ()
    return (
        f"Q_ctrl and p_max know these {len(units)} units only; they say little of units chosen among more.",
    )


def _levels(trials: Trials, options: dict[str, Any]) -> Levels:
    """The roles of levels: as options say, else as the study does, else all but clean ones and dreams.

    Raises UserError if an option gives a level a second role, or names one that no row has.
    """
    clean = trials.clean if options["clean_level"] is None else options["clean_level"]
    dreams = trials.dreams if options["dream_level"] is None else options["dream_level"]
    asked = [
        options[name] for name in ("recognizable_levels", "adversarial_level") if options[name] is not None
    ]
    degraded = tuple(level for levels in asked for level in levels) if asked else None
    if options["dream_level"] is None:
        dreams = tuple(level for level in dreams if level != clean and level not in (degraded or ()))
    named = {"clean": (clean,), "dream": dreams, "degraded": degraded or ()}
    for one, other in (("clean", "dream"), ("clean", "degraded"), ("dream", "degraded")):
        for level in named[one]:
            if level in named[other]:
                raise UserError(f"level {level} is named as {one} and as {other}; give it one role")
    _refuse_absent(trials, degraded or ())
    return Levels(clean, dreams, degraded)


def _refuse_absent(trials: Trials, wanted: Sequence[int]) -> None:
    there = set(trials.frame["level"].astype(int))
    for level in wanted:
        if level not in there:
            raise UserError(
                f"{trials.origin} has no row at level {level}; its levels are "
                f"{', '.join(str(one) for one in sorted(there))}"
            )


def _published(
    trials: Trials,
    pairs: Sequence[Pair] | None,
    stimuli: Sequence[Stimulus],
    loaded: LoadedModel | None,
    options: dict[str, Any],
    quiet: bool,
) -> Outcome:
    """Score by the published method."""
    settings = _published_settings(trials, options)
    units = trials.units if pairs is None else list(dict.fromkeys(pair.channel for pair in pairs))
    trials = with_activations(trials, units)
    if pairs is None:
        return every_pair(trials.frame, units, settings, trials.origin, trials.weights), None, trials.notes
    images = gather(trials.frame, pairs, settings.score_column, trials.origin)
    changes = _changes(pairs, stimuli, loaded, options, quiet)
    labels = Labels(trials.weights, loaded.label if loaded else "")
    scored = score_pairs(images, pairs, settings, origin=trials.origin, changes=changes, labels=labels)
    rows = list(progress(scored, "pairs", len(pairs), quiet=quiet))
    return pd.DataFrame(rows, columns=list(RESULT_COLUMNS)), None, trials.notes


def _published_settings(trials: Trials, options: dict[str, Any]) -> PublishedSettings:
    def chosen(option: str, default: Any) -> Any:
        return default if options[option] is None else options[option]

    return PublishedSettings(
        clean_level=chosen("clean_level", trials.clean),
        invariant_levels=chosen("recognizable_levels", trials.invariant),
        adversarial_levels=chosen("adversarial_level", trials.adversarial),
        percentile=chosen("threshold_percentile", PublishedSettings.percentile),
        min_p_value=options["min_p_value"],
        score_column=options["human_score_col"],
        weights=chosen("weights", PublishedSettings.weights),
        resamples=options["resamples"],
        seed=options["seed"],
    )


def _changes(
    pairs: Sequence[Pair],
    stimuli: Sequence[Stimulus],
    loaded: LoadedModel | None,
    options: dict[str, Any],
    quiet: bool,
) -> dict[Pair, Floats] | None:
    """Measure what the published C needs on the manifest's clean images, of the chosen clusters only."""
    if loaded is None:
        return None
    from scoring.published.embedding_changes import changes_by_concept

    clusters, manifest = options["clusters"], options["manifest"]
    folder = manifest if manifest.is_dir() else manifest.parent
    of_them = [stimulus for stimulus in stimuli if not clusters or stimulus.cluster in clusters]
    preprocess = options["preprocess"] or "squash"
    measured = changes_by_concept(pairs, of_them, folder, loaded, options["layer"], preprocess)
    concepts = len({pair.key for pair in pairs})
    changes: dict[Pair, Floats] = {}
    for found in progress(measured, "concepts for C", concepts, quiet=quiet):
        changes |= found
    return changes


def _write(tables: Sequence[pd.DataFrame], paths: Sequence[Path], force: bool) -> None:
    """Write the results, and the controls beside them; the results last, so that they vouch for the rest."""
    for table, path in reversed(list(zip(tables, paths, strict=True))):
        with replacing(path, force=force) as temporary:
            safe_for_spreadsheets(table).to_csv(temporary, index=False, lineterminator="\n")
