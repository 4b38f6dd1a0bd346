"""How answers are judged, for the participant's feedback and for the export alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiment_server.design.definition import Definition
from experiment_server.design.study_file import read_study_file
from scoring.answers import JUDGE_VERSION, Judgement, Lexicon
from tests.functional.study_files import STUDY_TOML

LEXICON = Lexicon.of({"umbrella": {"accept": ["sailboat"], "partial": [], "reject": []}})
CHOSEN = STUDY_TOML.replace('"free_text"', '"alternatives"')


def defined(tmp_path: Path, text: str, lexicon: Lexicon | None = None) -> Definition:
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return Definition(read_study_file(path), (), lexicon, ())


def test_a_typed_answer_is_judged_among_the_practice_and_catch_concepts_too(tmp_path: Path) -> None:
    text = STUDY_TOML.replace('concepts = ["teapot"]', 'concepts = ["hand"]')
    assert defined(tmp_path, STUDY_TOML).judge("raised hand", "hand").soft == 0.5
    assert defined(tmp_path, text).judge("raised hand", "hand").soft == 0.0


@pytest.mark.parametrize(
    ("concept", "response", "soft", "rule"),
    [
        ("raised hand", "raised hand", 1.0, "choice"),
        ("raised hand", "umbrella", 0.0, "choice"),
        ("umbrella", "sailboat", 0.0, "choice"),
        ("umbrella", "umbrellas", 0.0, "choice"),
        ("umbrella", "", 0.0, "no_answer"),
    ],
)
def test_a_chosen_answer_is_right_if_it_is_the_concepts_alternative(
    concept: str, response: str, soft: float, rule: str, tmp_path: Path
) -> None:
    scores = () if rule == "no_answer" else (soft,)
    assert defined(tmp_path, CHOSEN, LEXICON).judge(concept, response) == Judgement(
        soft == 1.0, soft, rule, JUDGE_VERSION, scores
    )


def test_a_long_alternative_counts_whole_and_a_near_one_not_at_all(tmp_path: Path) -> None:
    text = CHOSEN.replace('"raised hand", "umbrella"]', '"large red fire engine", "mandolin", "mandarin"]')
    definition = defined(tmp_path, text)
    assert definition.judge("large red fire engine", "large red fire engine").soft == 1.0
    assert definition.judge("mandolin", "mandarin").soft == 0.0
