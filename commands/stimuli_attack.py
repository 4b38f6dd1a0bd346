"""``manage.py stimuli attack``: clean stimuli changed a little so that a model is fooled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.options import NumberRange, force_option, json_option, progress, quiet_option, say
from commands.stimuli_model_options import (
    PATH,
    check_before_loading,
    estimate_words,
    is_given,
    load_chosen_model,
    model_identity,
    model_options,
)
from stimuli.errors import UserError
from stimuli.manifest import read_manifest
from stimuli.perturbations import CLEAN

if TYPE_CHECKING:
    from scoring.activations.demo_model import UnknownWordError
    from scoring.activations.gradients import ConceptGradients
    from scoring.activations.model import LoadedModel
    from scoring.fooling import Fooling
    from stimuli.attack_build import AttackBuild, Request, Tried
    from stimuli.attacks import Attack

Item = TypeVar("Item")


class GreyLevels(click.IntRange):
    """A whole number of grey levels."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the number; what is none, or out of bounds, is refused with its unit."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(
                f"{value!r} is not in whole grey levels of 255; give {self.min} to {self.max}.", param, ctx
            )


@click.command()
@click.argument("build", type=PATH)
@click.option("--out", required=True, type=PATH, help="Folder for the new build.")
@click.option(
    "--method", default="pgd", show_default=True, type=click.Choice(("fgsm", "pgd")), help="The attack."
)
@click.option(
    "--epsilon",
    "epsilons",
    multiple=True,
    required=True,
    type=GreyLevels(1, 255),
    help="Largest change of a channel value, in whole grey levels of 255; repeatable.",
)
@click.option("--steps", default=20, show_default=True, type=click.IntRange(1), help="Steps of PGD.")
@click.option(
    "--step-size",
    type=NumberRange(min=0, min_open=True),
    help="Grey levels to a step of PGD.  [default: 2.5 epsilon over the steps]",
)
@click.option("--target", help="Concept to be taken for.  [default: any but the shown one]")
@click.option(
    "--concept",
    "concepts",
    multiple=True,
    help="Concepts to choose among and to attack; repeatable.  [default: all that the model has words for]",
)
@model_options
@force_option
@quiet_option
@json_option
def attack(build: Path, out: Path, force: bool, quiet: bool, as_json: bool, **options: Any) -> None:
    """Change the clean stimuli of BUILD a little so that a model takes them for something else.

    BUILD is a folder that `stimuli build` made. Writes the attacked stimuli and the clean ones they come
    from into --out, and says how often the model is fooled, and how often by noise of the same size.

    \b
    Example:
      python manage.py stimuli attack stimuli/ --out attacked/ --method pgd --epsilon 2 --epsilon 8
    """
    build = build.parent if build.is_file() else build
    _refuse_ignored(options)
    asked = _asked(build, out, force, options)
    # these import torch
    from stimuli.attack_build import Request, attack_build
    from stimuli.attacks import Attack

    hows = tuple(
        Attack(options["method"], epsilon, options["steps"], options["step_size"])
        for epsilon in dict.fromkeys(options["epsilons"])
    )
    loaded = load_chosen_model(options)
    classifier, left_out = _classifier(asked, loaded, options)
    for sentence in left_out:
        click.echo(f"Left out: {sentence}", err=True)

    def track(work: Iterable[Item], total: int) -> Iterator[Item]:
        return progress(work, "batches of stimuli", total, quiet=quiet or as_json)

    request = Request(hows, asked.target, options["seed"])
    identity = model_identity(loaded, options["preprocess"], classifier.input.description)
    done = attack_build(build, out, classifier, identity, request, force, track)
    summary = _attack_summary(out, done, loaded, request, left_out) | {"concepts": list(classifier.concepts)}
    say(summary, _attack_sentence(summary), quiet=quiet, as_json=as_json)


def _key(concept: str | None) -> str | None:
    return None if concept is None else concept.strip().lower()


@dataclass(frozen=True)
class Asked:
    """The concepts that a build shows, those that were named, and the target; as they are matched."""

    shown: list[str]
    wanted: list[str]
    target: str | None


def _refuse_ignored(options: dict[str, Any]) -> None:
    for name in ("steps", "step_size"):
        if options["method"] == "fgsm" and is_given(name):
            raise click.UsageError(f"--{name.replace('_', '-')} is for --method pgd; fgsm takes one step.")


def _asked(build: Path, out: Path, force: bool, options: dict[str, Any]) -> Asked:
    """Read what is to be attacked, and refuse what needs no model to be wrong."""
    from stimuli.model_builds import refuse_same

    shown = sorted({row.concept for row in read_manifest(build) if row.condition == CLEAN})
    if not shown:
        raise UserError(f"{build} has no clean stimulus to attack; name another build")
    wanted = list(dict.fromkeys(filter(None, map(_key, options["concepts"]))))
    target = _key(options["target"])
    for concept in wanted:
        if concept not in shown:
            raise UserError(f"{build} has no clean stimulus of {concept!r}; it has {', '.join(shown)}")
    if target is not None and target not in (wanted or shown):
        raise UserError(f"the target {target!r} is none of {', '.join(wanted or shown)}; name one of them")
    if len(wanted or shown) < 2:
        raise UserError("a picture is taken for one of several concepts; give at least two of them")
    refuse_same(out, build)
    check_before_loading(options, out, "attack", force)
    return Asked(shown, wanted, target)


def _classifier(
    asked: Asked, loaded: LoadedModel, options: dict[str, Any]
) -> tuple[ConceptGradients, list[str]]:
    """The model among the build's concepts, and why some of them are left out."""
    from scoring.activations.gradients import ConceptGradients

    objections = {concept: _objection(loaded, concept) for concept in asked.wanted or asked.shown}
    known = [concept for concept, unknown in objections.items() if unknown is None]
    named = [*asked.wanted, asked.target]
    _refuse_unknown(loaded, [concept for concept in objections if concept in named], objections)
    if len(known) < 2:
        _refuse_unknown(loaded, list(objections), objections)
    left_out = [f"{concept}: {unknown.what}" for concept, unknown in objections.items() if unknown]
    return ConceptGradients(loaded, known, options["preprocess"]), left_out


def _objection(loaded: LoadedModel, concept: str) -> UnknownWordError | None:
    """Why a model cannot name a concept, and which it can; None if it can."""
    from scoring.activations.demo_model import UnknownWordError
    from scoring.activations.zero_shot import concept_embeddings

    try:
        concept_embeddings(loaded, [concept])
    except UnknownWordError as error:
        return error
    return None


def _refuse_unknown(
    loaded: LoadedModel, concepts: list[str], objections: dict[str, UnknownWordError | None]
) -> None:
    """Raise UserError if the model has no words for some of the concepts, which are needed."""
    unknown = {concept: error for concept in concepts if (error := objections[concept]) is not None}
    if not unknown:
        return
    name = loaded.label.partition(" (")[0]
    none = "words for none of the concepts" if len(unknown) == len(objections) else "no words for"
    known = ", ".join(next(iter(unknown.values())).concepts)
    raise UserError(
        f"{name} has {none} {', '.join(unknown)}; it knows {known}; name others, or another model by --model "
        "and --pretrained"
    )


def _attack_summary(
    out: Path, done: AttackBuild, loaded: LoadedModel, request: Request, left_out: list[str]
) -> dict[str, Any]:
    return {
        "out": str(out),
        "stimuli": len(done.stimuli),
        "model": loaded.label,
        "weights_sha256": loaded.weights_hash,
        "target": request.target,
        "left_out": left_out,
        "resampled": "source",
        "attacks": [_attack_result(one, request.seed) for one in done.tried],
    }


def _attack_result(one: Tried, seed: int) -> dict[str, Any]:
    from scoring.fooling import fooling

    told: Fooling = fooling(one.clean, one.attacked, one.noise, one.shown, one.target, seed)
    how: Attack = one.attack
    return {
        "method": how.method,
        "epsilon": how.epsilon,
        "step_size": how.step_size,
        **{
            f"{name}{end}": getattr(estimate, part)
            for name, estimate in ((name, getattr(told, name)) for name in asdict(told))
            for end, part in (("", "value"), ("_low", "low"), ("_high", "high"), ("_n", "n"))
        },
    }


def _attack_sentence(summary: dict[str, Any]) -> str:
    goal = f"the target {summary['target']}" if summary["target"] else "the shown concept"
    head = f"{summary['out']}: {summary['stimuli']} stimuli, attacked and clean; {summary['model']}"
    return "\n".join([head, *(_attack_line(one, goal) for one in summary["attacks"])])


def _attack_line(one: dict[str, Any], goal: str) -> str:
    shares = ", ".join(
        f"{words} {estimate_words(one, name, '{:.1%}')}"
        for words, name in (("fooled", "fooled"), ("by noise of that size", "fooled_by_noise"))
    )
    means = ", ".join(
        f"{words} {estimate_words(one, f'probability_{words}', '{:.3f}')}"
        for words in ("clean", "attacked", "noise")
    )
    return f"  {one['method']}-{one['epsilon']}: {shares}, n {one['fooled_n']}; P({goal}): {means}"
