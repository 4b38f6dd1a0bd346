"""Norms of a pilot: agreement, its interval and the H statistic, against other formulas and known truths."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, entropy

from scoring import naming
from scoring.naming import NORM_COLUMNS, naming_norms, uncertainty, wilson_interval
from scoring.trial_table import conform
from stimuli.errors import UserError


def trial(
    participant: str, source: str, answer: str | None, right: bool | None, **more: Any
) -> dict[str, Any]:
    """One clean test trial that counts."""
    return {
        "level": 0,
        "participant": participant,
        "session": f"session of {participant}",
        "image_basename": f"{source}.png",
        "response_clean": answer,
        "ground_truth": source.rstrip("0123456789"),
        "trial_category": "experiment",
        "hard_correct": right,
        "soft_correct": None if right is None else float(right),
        "source": source,
        "perturbation": "clean",
        **more,
    }


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A trial table; each participant's trials in the order given, unless they have an index."""
    for place, row in enumerate(rows):
        row.setdefault("trial_index", place)
    return conform(pd.DataFrame(rows))


def simulated_pilot(agreement: dict[str, float], people: int, seed: int = 0) -> pd.DataFrame:
    """People who name each source with its own probability, and otherwise say one of three other words."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        for source, share in agreement.items():
            right = bool(rng.random() < share)
            wrong = str(rng.choice(["thing", "blob", "toy"]))
            rows.append(trial(f"p{person}", source, source.rstrip("0123456789") if right else wrong, right))
    return table(rows)


def norms(frame: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return naming_norms(frame, "pilot.csv", **options).set_index("source")


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(naming).failed == 0


@pytest.mark.parametrize("n", [1, 2, 5, 30, 400])
def test_the_interval_is_wilsons(n: int) -> None:
    for right in range(0, n + 1, max(1, n // 7)):
        expected = binomtest(right, n).proportion_ci(method="wilson")
        assert wilson_interval(right, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_h_is_the_entropy_of_the_answers_in_bits() -> None:
    said = [("a", "cup"), ("a", "mug"), ("a", "bowl"), ("b", "owl"), *(("c", letter) for letter in "wxyz")]
    found = uncertainty(pd.Series([7, 2, 1, 4, 3, 3, 3, 3], pd.MultiIndex.from_tuples(said)))
    assert found["a"] == pytest.approx(entropy([7, 2, 1], base=2), abs=1e-12)
    assert (found["b"], found["c"]) == (0, 2)


def test_nothing_but_dont_know_has_no_answer_to_name_and_says_so() -> None:
    row = norms(table([trial(f"p{number}", "cup1", None, False) for number in range(5)])).loc["cup1"]
    assert (row["agreement"], row["dont_know"], row["different_answers"]) == (0, 5, 0)
    assert row[["h", "modal_share", "modal_answer"]].isna().all()
    assert row["reason"] == "every answer was “don't know”"


def test_a_misspelt_name_is_the_name() -> None:
    said = ["cup"] * 4 + ["cupp", "a,cup", "cups"] + ["mug", "mugg", "bowl"]
    rows = [trial(f"p{number}", "cup1", word, "cup" in word) for number, word in enumerate(said)]
    row = norms(table(rows)).loc["cup1"]
    assert (row["modal_answer"], row["modal_share"], row["agreement"]) == ("cup", 0.7, 0.7)
    assert row["different_answers"] == 4
    assert row["h"] == pytest.approx(entropy([7, 1, 1, 1], base=2))


def test_dont_know_counts_as_wrong_but_not_in_h() -> None:
    rows = [trial(f"p{number}", "cup1", "cup", True) for number in range(6)]
    rows += [trial(f"q{number}", "cup1", None, False) for number in range(4)]
    row = norms(table(rows)).loc["cup1"]
    assert (row["n"], row["agreement"], row["h"], row["modal_share"]) == (10, 0.6, 0.0, 0.6)
    assert (row["dont_know"], row["different_answers"], row["soft_correct"]) == (4, 1, 0.6)


def test_a_typed_dont_know_is_no_name() -> None:
    said = ["idk", "No idea!", "not sure", "I don't know", "i do not know", "nothing", "???", "", None, "cat"]
    rows = [trial(f"p{number}", "cat1", word, word == "cat") for number, word in enumerate(said)]
    row = norms(table(rows)).loc["cat1"]
    assert (row["modal_answer"], row["modal_share"], row["h"]) == ("cat", 0.1, 0.0)
    assert (row["different_answers"], row["dont_know"], row["agreement"]) == (1, 9, 0.1)
    silent = norms(table([trial(f"p{number}", "cat1", "idk", False) for number in range(5)])).loc["cat1"]
    assert silent["reason"] == "every answer was “don't know”"


def test_a_name_that_says_dont_know_is_a_name_where_it_is_right() -> None:
    rows = [trial(f"p{number}", "nothing1", "nothing", True) for number in range(5)]
    row = norms(table(rows)).loc["nothing1"]
    assert (row["modal_answer"], row["modal_share"], row["dont_know"]) == ("nothing", 1.0, 0)


def test_a_pilot_of_known_agreement_is_recovered() -> None:
    truth = {"cup1": 0.98, "cup2": 0.9, "owl1": 0.8, "owl2": 0.7, "key1": 0.4}
    found = norms(simulated_pilot(truth, 2000))
    for source, share in truth.items():
        assert found.loc[source, "agreement"] == pytest.approx(share, abs=0.03)
        expected = entropy([share, *(3 * ((1 - share) / 3,))], base=2)
        assert found.loc[source, "h"] == pytest.approx(expected, abs=0.1)
    assert found.index[0] == "key1"


def test_its_intervals_hold_the_truth_as_often_as_they_say() -> None:
    truth = {f"cup{number}": 0.8 for number in range(1000)}
    found = norms(simulated_pilot(truth, 30, seed=1))
    held = found["agreement_low"].le(0.8) & found["agreement_high"].ge(0.8)
    assert held.mean() == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(
    ("right", "flag", "verdict"),
    [(10, True, "surely below"), (22, True, "perhaps below"), (24, False, "perhaps above"),
     (30, False, "surely above")],
)  # fmt: skip
def test_a_flag_says_how_sure_it_is(right: int, flag: bool, verdict: str) -> None:
    rows = [
        trial(f"p{number}", "cup1", "cup" if number < right else "mug", number < right)
        for number in range(30)
    ]
    row = norms(table(rows)).loc["cup1"]
    assert (bool(row["flag"]), row["verdict"]) == (flag, verdict)
    assert pd.isna(row["reason"])


def test_only_the_first_answer_of_a_participant_counts() -> None:
    rows = [trial(f"p{number}", "cup1", "mug", False, trial_index=1) for number in range(5)]
    rows += [trial(f"p{number}", "cup1", "cup", True, trial_index=0) for number in range(5)]
    rows += [trial("p0", "cup1", "mug", False, trial_index=0, session="a later one")]
    row = norms(table(rows)).loc["cup1"]
    assert (row["n"], row["agreement"], row["participants"]) == (5, 1.0, 5)


def test_what_must_not_count_does_not() -> None:
    rows = [trial(f"p{number}", "cup1", "cup", True) for number in range(5)]
    noise = [
        trial("q1", "cup1", "mug", False, perturbation="contrast"),
        trial("q2", "cup1", "mug", False, trial_category="catch"),
        trial("q3", "cup1", "mug", False, trial_category="practice"),
        trial("q4", "cup1", "mug", False, excluded=True),
        trial("q5", "cup1", None, None),
    ]
    row = norms(table(rows + noise)).loc["cup1"]
    assert (row["n"], row["agreement"], row["dont_know"]) == (5, 1.0, 0)


def test_too_few_answers_give_no_norms_and_a_reason() -> None:
    rows = [trial(f"p{number}", "cup1", "cup", True) for number in range(5)]
    rows += [trial(f"p{number}", "owl1", "owl", True) for number in range(4)]
    rows += [trial("p0", "key1", "key", True)]
    rows += [trial("p0", "fox1", "fox", True, excluded=True)]
    rows += [trial("p0", "hat1", "hat", None)]
    found = norms(table(rows))
    assert found["reason"].isna()["cup1"]
    assert found["reason"].dropna().to_dict() == {
        "fox1": "every clean answer is excluded",
        "hat1": "no answer was judged",
        "key1": "1 answer; norms take 5 at least",
        "owl1": "4 answers; norms take 5 at least",
    }
    assert found["n"].to_dict() == {"cup1": 5, "fox1": 0, "hat1": 0, "key1": 1, "owl1": 4}
    without = found.drop(index="cup1")
    assert (
        without[["agreement", "agreement_low", "agreement_high", "flag", "h", "modal_share"]]
        .isna()
        .all(axis=None)
    )
    assert norms(table(rows), fewest=1)["agreement"].notna().sum() == 3


def test_of_two_equally_common_answers_the_first_in_the_alphabet_is_named() -> None:
    rows = [trial(f"p{number}", "cup1", ("mug", "bowl")[number % 2], False) for number in range(6)]
    row = norms(table(rows)).loc["cup1"]
    assert (row["modal_answer"], row["modal_share"], row["h"]) == ("bowl", 0.5, 1.0)


def test_the_published_form_is_known_by_its_file_names() -> None:
    rows = [
        trial(f"p{number}", "cup 1", "cup", True, image_basename=f"cup_{kind}_1.jpg", perturbation=None)
        for number in range(5)
        for kind in ("clean", "noisy_level2")
    ]
    assert norms(table(rows)).loc["cup 1", "n"] == 5


def test_columns_stand_in_their_order() -> None:
    assert tuple(naming_norms(simulated_pilot({"cup1": 0.5}, 8), "pilot.csv").columns) == tuple(NORM_COLUMNS)


def test_a_table_without_clean_trials_is_refused() -> None:
    rows = [trial("p0", "cup1", "cup", True, perturbation="contrast")]
    with pytest.raises(UserError) as error:
        norms(table(rows))
    assert str(error.value) == (
        "pilot.csv has no clean trial: none whose perturbation is clean; "
        "norms come from a pilot that shows the pictures undegraded"
    )


def test_a_threshold_out_of_range_is_refused() -> None:
    with pytest.raises(UserError) as error:
        norms(simulated_pilot({"cup1": 0.5}, 8), threshold=1.0)
    assert str(error.value) == "the threshold is 1; give a share between 0 and 1"
