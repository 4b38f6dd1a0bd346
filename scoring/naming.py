"""How well people agree on the name of an undegraded picture: the norms of a pilot study.

Name agreement is the share of people who give the intended name. A picture that is not named when nothing
is done to it cannot tell what a degradation does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from scoring import published_names
from scoring.answers.words import normalise, says_dont_know
from scoring.counted_rows import counted_rows
from scoring.statistics import CONFIDENCE
from scoring.trial_table import BOOLEAN, EXPERIMENT, NUMBER, TEXT
from stimuli.errors import UserError

#: agreement below which a picture is flagged
THRESHOLD = 0.8
#: fewest judged answers that norms are computed from
FEWEST = 5

SURELY_BELOW, PERHAPS_BELOW = "surely below", "perhaps below"
SURELY_ABOVE, PERHAPS_ABOVE = "surely above", "perhaps above"

#: columns of the table of norms -> dtype; all but the first three and the last are missing where there is
#: a reason why
NORM_COLUMNS: dict[str, str] = {
    "source": TEXT,
    "concept": TEXT,
    #: judged answers that count: the first of each participant to the undegraded source
    "n": "int64",
    #: share of them that name the concept itself (``hard_correct``), with its 95% interval (Wilson)
    "agreement": "float64",
    "agreement_low": "float64",
    "agreement_high": "float64",
    #: whether agreement lies below the threshold
    "flag": BOOLEAN,
    #: whether the whole interval lies on that side: "surely below", "perhaps below", …
    "verdict": TEXT,
    #: the name that most gave (of several, the first in the alphabet), and the share of all answers. Answers
    #: that name the concept itself, misspelt perhaps, are one name; others are told apart as they were typed
    "modal_answer": TEXT,
    "modal_share": "float64",
    #: bits: -sum p log2 p over the different names, "don't know" left out
    "h": "float64",
    #: different names, and answers of "don't know" (typed ones too) or of nothing
    "different_answers": "Int64",
    "dont_know": "Int64",
    "soft_correct": "float64",
    "participants": "Int64",
    #: why there are no norms, or no answer to name; missing where there are
    "reason": TEXT,
}

Floats = npt.NDArray[np.float64]


def naming_norms(
    frame: pd.DataFrame, origin: str, *, threshold: float = THRESHOLD, fewest: int = FEWEST
) -> pd.DataFrame:
    """Norms of each source over the clean test trials of a trial table that count.

    Returns a frame with the columns ``NORM_COLUMNS``, a row for each source that was shown undegraded, also
    if all its trials are excluded; the least agreed on first, then by concept and source, those without
    norms last. Of a participant only the first answer to a source counts. ``origin`` names the table in
    errors. Raises UserError if no row is clean, or none of those counts.
    """
    if not 0 < threshold < 1:
        raise UserError(f"the threshold is {threshold:g}; give a share between 0 and 1")
    clean = frame[_is_clean(frame).to_numpy(bool)]
    if clean.empty:
        raise UserError(
            f"{origin} has no clean trial: none whose perturbation is clean; "
            "norms come from a pilot that shows the pictures undegraded"
        )
    answers = _first_answers(counted_rows(clean, origin))
    judged = answers[answers["hard_correct"].notna().to_numpy(bool)]
    shown = clean[clean["trial_category"].eq(EXPERIMENT).fillna(False).to_numpy(bool)]
    table = shown.groupby("source", sort=True)["ground_truth"].first().to_frame("concept")
    table["n"] = judged.groupby("source").size().reindex(table.index, fill_value=0)
    enough = judged[judged["source"].map(table["n"]).ge(max(1, fewest)).to_numpy(bool)]
    table = table.join(_agreement(enough, threshold)).join(_answers(enough))
    table["reason"] = _reasons(table, answers, fewest)
    return as_table(table.reset_index())


def as_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Put norms in their columns and order: the least agreed on first, those without norms last."""
    table = rows.reindex(columns=list(NORM_COLUMNS)).astype(NORM_COLUMNS)
    return table.sort_values(["agreement", "concept", "source"], ignore_index=True)


def wilson_interval(
    right: npt.ArrayLike, n: npt.ArrayLike, confidence: float = CONFIDENCE
) -> tuple[Floats, Floats]:
    """Ends of the score intervals of proportions (Wilson 1927, JASA 22, 209-212); ``n`` is above 0.

    >>> [round(float(end), 4) for end in wilson_interval(8, 10)]
    [0.4902, 0.9433]
    """
    number = np.asarray(n, np.float64)
    share = np.asarray(right, np.float64) / number
    z = ndtri((1 + confidence) / 2)
    unit = z * z / number
    middle = (share + unit / 2) / (1 + unit)
    reach = z / (1 + unit) * np.sqrt(share * (1 - share) / number + unit / (4 * number))
    return np.maximum(middle - reach, 0.0), np.minimum(middle + reach, 1.0)


def uncertainty(counts: pd.Series) -> pd.Series:
    """The H statistic in bits of each source, from how often each answer to it was given.

    ``counts`` has the index (source, answer). 0 if all answers are alike, log2 k if k are equally common.
    Naming failures are to be left out, as in Snodgrass & Vanderwart (1980, Journal of Experimental
    Psychology: Human Learning and Memory 6, 174-215).

    >>> said = [("a", "cup"), ("a", "mug"), ("b", "owl")]
    >>> uncertainty(pd.Series([3, 3, 5], pd.MultiIndex.from_tuples(said))).to_dict()
    {'a': 1.0, 'b': 0.0}
    """
    shares = counts / counts.groupby(level=0).transform("sum")
    return (-shares * np.log2(shares)).groupby(level=0).sum().abs()


def _is_clean(frame: pd.DataFrame) -> pd.Series:
    """Mark the undegraded rows: by the perturbation, or by the published files' names where it is missing."""
    named = frame["perturbation"].eq("clean").fillna(False)
    known = {name: published_names.parse(str(name)) for name in frame["image_basename"].dropna().unique()}
    clean = [name for name, found in known.items() if found and found.level == published_names.CLEAN_LEVEL]
    return named | (frame["perturbation"].isna() & frame["image_basename"].isin(clean))


def _first_answers(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep one answer of each participant to each source: the first, in the order of the table.

    Rows of one session are ordered by ``trial_index``. Rows without a participant cannot be told apart, and
    all count.
    """
    order = rows["trial_index"].fillna(0).to_numpy(dtype=float)
    rows = rows.assign(_session=rows.groupby("session", dropna=False, sort=False).ngroup(), _index=order)
    rows = rows.sort_values(["_session", "_index"], kind="stable")
    again = rows.duplicated(["participant", "source"]) & rows["participant"].notna()
    return rows[~again.to_numpy(bool)].drop(columns=["_session", "_index"])


def _agreement(judged: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Share of right answers of each source, its interval, and on which side of the threshold it lies."""
    by_source = judged.assign(right=judged["hard_correct"].astype("int64")).groupby("source")
    right, n = by_source["right"].sum(), by_source.size()
    low, high = wilson_interval(right, n)
    share = (right / n).to_numpy(float)
    below = share < threshold
    verdict = np.select(
        [below & (high < threshold), below, low > threshold],
        [SURELY_BELOW, PERHAPS_BELOW, SURELY_ABOVE],
        PERHAPS_ABOVE,
    )
    columns: dict[str, Any] = {
        "agreement": share,
        "agreement_low": low,
        "agreement_high": high,
        "flag": below,
        "verdict": verdict,
        "soft_correct": by_source["soft_correct"].mean().astype(NUMBER).to_numpy(float, na_value=np.nan),
        "participants": by_source["participant"].nunique(),
    }
    return pd.DataFrame(columns, index=n.index)


def _answers(judged: pd.DataFrame) -> pd.DataFrame:
    """What was answered to each source: the most common name, how many there were, and H."""
    right = judged["hard_correct"].to_numpy(bool)
    answer = judged["response_clean"]
    named = answer.where(answer.isin([text for text in answer.dropna().unique() if _names_something(text)]))
    judged = judged.assign(name=named.mask(right, judged["ground_truth"]))
    given = judged[judged["name"].notna().to_numpy(bool)]
    counts = given.groupby(["source", "name"]).size()
    ranked = counts.rename("count").reset_index()
    ranked = ranked.sort_values(["count", "name"], ascending=[False, True])
    modal = ranked.drop_duplicates("source").set_index("source")
    n = judged.groupby("source").size()
    found = pd.DataFrame({"dont_know": n - given.groupby("source").size().reindex(n.index, fill_value=0)})
    found["different_answers"] = counts.groupby(level=0).size().reindex(n.index, fill_value=0)
    found["modal_answer"] = modal["name"]
    found["modal_share"] = modal["count"] / n
    found["h"] = uncertainty(counts)
    return found


def _names_something(answer: str) -> bool:
    words = normalise(answer)
    return bool(words) and not says_dont_know(words)


def _reasons(table: pd.DataFrame, answers: pd.DataFrame, fewest: int) -> pd.Series:
    """Why a source has no norms, or no answer that most gave; missing where it has both."""
    rows = answers.groupby("source").size().reindex(table.index, fill_value=0)
    few = table["n"].map(lambda n: f"{n} {'answer' if n == 1 else 'answers'}; norms take {fewest} at least")
    reasons = np.select(
        [rows.eq(0), table["n"].eq(0), table["n"].lt(fewest), table["modal_answer"].isna()],
        ["every clean answer is excluded", "no answer was judged", few, "every answer was “don't know”"],
        "",
    )
    return pd.Series(reasons, table.index, dtype=TEXT).replace("", pd.NA)
