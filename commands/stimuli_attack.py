"""``manage.py stimuli attack``: clean stimuli changed a little so that a model is fooled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.options import NumberRange, force_option, json_option, progress, quiet_option, say
from commands.stimuli_model_options import (
    PATH,
    estimate_words,
    load_chosen_model,
    model_identity,
    model_options,
)
from stimuli.errors import UserError
from stimuli.manifest import read_manifest
from stimuli.perturbations import CLEAN

if TYPE_CHECKING:
    from scoring.activations.gradients import ConceptGradients
    from scoring.activations.model import LoadedModel
    from scoring.fooling import Fooling
    from stimuli.attack_build import AttackBuild, Request, Tried
    from stimuli.attacks import Attack

Item = TypeVar("Item")


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
    type=click.IntRange(1, 255),
    help="Largest change of a channel value in grey levels; repeatable.",
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
    from stimuli.attack_build import Request, attack_build
    from stimuli.attacks import Attack

    build = build if build.is_dir() else build.parent
    hows = tuple(
        Attack(options["method"], epsilon, options["steps"], options["step_size"])
        for epsilon in dict.fromkeys(options["epsilons"])
    )
    loaded = load_chosen_model(options)
    classifier, left_out = _classifier(build, loaded, options)
    for sentence in left_out:
        click.echo(f"Left out: {sentence}", err=True)

    def track(work: Iterable[Item], total: int) -> Iterator[Item]:
        return progress(work, "batches of stimuli", total, quiet=quiet or as_json)

    request = Request(hows, _key(options["target"]), options["seed"])
    identity = model_identity(loaded, options["preprocess"], classifier.input.description)
    done = attack_build(build, out, classifier, identity, request, force, track)
    summary = _attack_summary(out, done, loaded, request, left_out) | {"concepts": list(classifier.concepts)}
    say(summary, _attack_sentence(summary), quiet=quiet, as_json=as_json)


def _key(concept: str | None) -> str | None:
    return None if concept is None else concept.strip().lower()


def _classifier(
    build: Path, loaded: LoadedModel, options: dict[str, Any]
) -> tuple[ConceptGradients, list[str]]:
    """The model among the build's concepts, and why some of them are left out."""
    from scoring.activations.gradients import ConceptGradients

    shown = sorted({row.concept for row in read_manifest(build) if row.condition == CLEAN})
    wanted = list(dict.fromkeys(filter(None, map(_key, options["concepts"]))))
    for concept in wanted:
        if concept not in shown:
            raise UserError(f"{build} has no clean stimulus of {concept!r}; it has {', '.join(shown)}")
    reasons = {} if wanted else {concept: _objection(loaded, concept) for concept in shown}
    concepts = wanted or [concept for concept in shown if not reasons[concept]]
    left_out = [f"{concept}: {reason}" for concept, reason in reasons.items() if reason]
    return ConceptGradients(loaded, concepts, options["preprocess"]), left_out


def _objection(loaded: LoadedModel, concept: str) -> str:
    """Why a model cannot name a concept; empty if it can."""
    from scoring.activations.zero_shot import concept_embeddings

    try:
        concept_embeddings(loaded, [concept])
    except UserError as error:
        return str(error).partition(";")[0]
    return ""


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
