from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from scoring.alignment.of_trials import Answered, by_judge, conditions, read_answered
from scoring.trial_table import read_trials
from stimuli.errors import UserError
from tests.functional.forced_choice_study import CONCEPTS, trial_table


def read(tmp_path: Path, table: pd.DataFrame, **options: object) -> Answered:
    path = tmp_path / "trials.csv"
    table.to_csv(path, index=False)
    return read_answered(read_trials(path), "trials.csv", **options)  # type: ignore[arg-type]


@pytest.fixture
def table() -> pd.DataFrame:
    return trial_table(people=4, sources=2)


def test_a_forced_choice_says_what_was_chosen_and_offered(tmp_path: Path, table: pd.DataFrame) -> None:
    found = read(tmp_path, table)
    frame = found.observations.frame
    assert found.observations.alternatives == 8
    assert found.words == tuple(sorted(CONCEPTS))
    assert len(frame) == len(table)
    assert (frame["correct"] == (frame["chosen"] == frame["concept"])).all()
    assert sorted(frame["condition"].unique())[:2] == ["clean", "gaussian_noise 0.05"]


def test_rows_and_observations_are_in_one_order(tmp_path: Path, table: pd.DataFrame) -> None:
    found = read(tmp_path, table)
    assert found.trials["stimulus"].tolist() == found.observations.frame["stimulus"].tolist()
    assert found.trials["participant"].tolist() == found.observations.frame["observer"].tolist()


def test_typed_answers_are_named_by_the_judge(tmp_path: Path) -> None:
    table = trial_table(people=2, sources=1, typed=True)
    table["response"] = ["a bicycle", "nonsense"] * (len(table) // 2)
    table["soft_correct"] = 0.0
    found = read(tmp_path, table)
    frame = found.observations.frame
    assert (found.observations.alternatives, found.words) == (None, ())
    shown_else = frame["concept"] != "bicycle"
    chosen = frame["chosen"].fillna("")
    assert set(chosen[shown_else]) == {"bicycle", ""}
    # judged wrong in the table, so it names nothing, whatever the judge says now
    assert set(chosen[~shown_else]) == {""}


def test_a_right_answer_names_what_was_shown(tmp_path: Path) -> None:
    table = trial_table(people=2, sources=1, typed=True).assign(soft_correct=0.5, response="sky")
    frame = read(tmp_path, table).observations.frame
    assert frame["correct"].all()
    assert (frame["chosen"] == frame["concept"]).all()
    assert set(frame["score"]) == {0.5}


def test_any_namer_may_be_given(tmp_path: Path) -> None:
    table = trial_table(people=2, sources=1, typed=True).assign(soft_correct=0.0)
    frame = read(tmp_path, table, namer=lambda response: "key").observations.frame
    assert (
        frame["chosen"].fillna("") == frame["concept"].map(lambda name: "" if name == "key" else "key")
    ).all()


def test_the_judge_names_one_concept_or_none() -> None:
    name = by_judge(["dog", "sailboat"])
    assert (name("a dog"), name("sky")) == ("dog", None)


def test_adaptive_rows_dreams_and_unjudged_answers_are_left_out(tmp_path: Path, table: pd.DataFrame) -> None:
    table = table.assign(adaptive=False)
    table.loc[0, "adaptive"] = True
    table.loc[1, "perturbation"] = "dream"
    table.loc[2, "level"] = 3
    table.loc[3, "soft_correct"] = None
    found = read(tmp_path, table, dreams=[3])
    assert len(found.observations.frame) == len(table) - 4
    assert found.observations.notes == (
        "1 row is adaptive: who answers better is shown harder pictures, so it is left out.",
        "2 rows show dreams, which are pictures of no concept, and are left out.",
        "1 row has an answer that was not judged and is left out.",
    )


def test_practice_and_excluded_rows_do_not_count(tmp_path: Path, table: pd.DataFrame) -> None:
    table = table.assign(excluded=False)
    table.loc[0, "excluded"] = True
    table.loc[1, "trial_category"] = "practice"
    found = read(tmp_path, table).observations
    assert len(found.frame) == len(table) - 2
    assert found.notes == (
        "1 row is a practice or catch trial and is left out.",
        "1 row is excluded and is left out.",
    )


def test_the_first_answer_to_a_picture_counts(tmp_path: Path, table: pd.DataFrame) -> None:
    again = table.iloc[[0]].assign(trial_index=99, response="key", soft_correct=0.0)
    found = read(tmp_path, pd.concat([again, table], ignore_index=True))
    first = found.observations.frame.set_index(["observer", "stimulus"])
    shown = table.iloc[0]
    assert first["chosen"].to_dict()[shown["participant"], shown["stimulus"]] == shown["response"]
    assert found.observations.notes == ("1 answer to a picture that was seen before is left out.",)


def test_words_that_differ_between_trials_have_one_chance_but_no_common_choice(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    table["alternatives"] = [
        json.dumps(sorted({shown, chosen, *CONCEPTS[:4]})[:6])
        if len({shown, chosen, *CONCEPTS[:4]}) >= 6
        else json.dumps(sorted({shown, chosen, *CONCEPTS[:5], "key"})[:6])
        for shown, chosen in zip(table["concept"], table["response"], strict=True)
    ]
    table["response"] = [json.loads(words)[0] for words in table["alternatives"]]
    table["soft_correct"] = table["response"].eq(table["concept"]).astype(float)
    found = read(tmp_path, table)
    assert found.words == ()
    assert found.observations.alternatives == 6


def test_trials_that_offer_more_or_fewer_words_have_no_one_chance(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    table.loc[0, "alternatives"] = json.dumps([table.loc[0, "response"], "boat"])
    found = read(tmp_path, table)
    assert found.observations.alternatives is None
    assert found.observations.mixed_alternatives
    assert found.observations.notes == (
        "Trials offered between 2 and 8 words, so that there is no one chance level, and no curve is fitted.",
    )


def test_levels_name_conditions_where_nothing_else_does(tmp_path: Path, table: pd.DataFrame) -> None:
    bare = table.drop(columns=["perturbation", "severity"])
    frame = read(tmp_path, bare, clean=5).observations.frame
    assert set(frame["condition"]) == {"clean", "level 1"}


def test_conditions_name_perturbation_and_severity() -> None:
    rows = pd.DataFrame(
        {"perturbation": ["clean", "blur", None], "severity": [0.0, 5.0, None], "level": [5, 1, 2]}
    )
    assert conditions(rows).tolist() == ["clean", "blur 5", "level 2"]


def test_a_row_without_a_participant(tmp_path: Path, table: pd.DataFrame) -> None:
    table.loc[2, "participant"] = None
    with pytest.raises(UserError) as caught:
        read(tmp_path, table)
    assert str(caught.value) == (
        "trials.csv, row 3 names no participant; alignment needs to know who gave which answer"
    )


def test_an_answer_that_was_not_offered(tmp_path: Path, table: pd.DataFrame) -> None:
    table.loc[1, "response"] = "boat"
    with pytest.raises(UserError) as caught:
        read(tmp_path, table)
    assert str(caught.value) == (
        "trials.csv, row 2: the answer 'boat' is none of the alternatives apple, bicycle, cactus, dog, fire, "
        "hand, key, umbrella; correct the column response or alternatives"
    )


def test_alternatives_that_are_no_list(tmp_path: Path, table: pd.DataFrame) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, table.assign(alternatives="apple;dog"))
    assert str(caught.value) == (
        "the column alternatives holds 'apple;dog', which is no JSON list of words; correct it"
    )


def test_nothing_left(tmp_path: Path, table: pd.DataFrame) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, table.assign(adaptive=True))
    assert str(caught.value) == (
        "trials.csv has no answer left to align: all its rows are adaptive, show dreams or are not judged; "
        "give a table with judged answers at fixed conditions"
    )


def test_rows_without_alternatives_among_a_forced_choice(tmp_path: Path, table: pd.DataFrame) -> None:
    table.loc[0, "alternatives"] = None
    found = read(tmp_path, table)
    assert (found.observations.alternatives, found.words) == (None, ())
    assert found.observations.mixed_alternatives
    assert found.observations.notes == (
        "1 of the 64 rows lacks alternatives, as if answers had been typed, so that there is no one chance "
        "level, and no curve is fitted.",
    )
    assert not read(tmp_path, trial_table(2, 1, typed=True)).observations.mixed_alternatives


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("ground_truth", "key", "the concept key, elsewhere apple"),
        ("severity", 0.33, "the condition gaussian_noise 0.33, elsewhere gaussian_noise 0.3"),
    ],
)
def test_a_picture_of_two_kinds(
    tmp_path: Path, table: pd.DataFrame, column: str, value: float | str, message: str
) -> None:
    shown = table["stimulus"].eq("apple_1_0.3")
    again = table[shown].assign(participant="P-99", session="P-99-1", soft_correct=0.0, response="key")
    again["alternatives"], again[column] = None, value
    table = pd.concat([table, again], ignore_index=True)
    with pytest.raises(UserError) as caught:
        read(tmp_path, table)
    assert str(caught.value) == (
        f"trials.csv, row 65: the picture apple_1_0.3 has {message}; correct it, or give different pictures "
        "different names"
    )


@pytest.mark.parametrize(("answer", "score"), [("apple", 0), ("key", 1)])
def test_a_score_that_contradicts_the_choice(
    tmp_path: Path, table: pd.DataFrame, answer: str, score: float
) -> None:
    table.loc[0, "response"], table.loc[0, "soft_correct"] = answer, score
    with pytest.raises(UserError) as caught:
        read(tmp_path, table)
    assert str(caught.value) == (
        f"trials.csv, row 1: the answer {answer!r} to 'apple' has the score {score}; "
        "correct the score or the column response"
    )


def test_a_synonym_that_was_offered_in_place_of_the_concept_is_right(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    table.loc[0, "alternatives"] = json.dumps(["pomme", *CONCEPTS[1:]])
    table.loc[0, "response"], table.loc[0, "soft_correct"] = "pomme", 1
    assert read(tmp_path, table).observations.frame["correct"].iloc[0]


def test_one_word_is_no_choice(tmp_path: Path, table: pd.DataFrame) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, table.assign(alternatives='["apple"]'))
    assert str(caught.value) == (
        "trials.csv, row 1 offers the word apple alone, which is no choice; correct the column alternatives"
    )


def test_the_second_session_comes_before_the_tenth(tmp_path: Path, table: pd.DataFrame) -> None:
    later = table.assign(session=table["participant"] + "-10", response="nothing", soft_correct=0.0)
    both = pd.concat([later, table.assign(session=table["participant"] + "-2")], ignore_index=True)
    both = both.drop(columns="alternatives")
    first = read(tmp_path, both).observations.frame
    assert first["score"].sum() == table["soft_correct"].sum()


def test_the_order_of_rows_makes_no_difference(tmp_path: Path, table: pd.DataFrame) -> None:
    one = read(tmp_path, table).observations.frame
    two = read(tmp_path, table.sample(frac=1, random_state=1)).observations.frame
    pd.testing.assert_frame_equal(one, two)
