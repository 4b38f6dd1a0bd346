"""What participants saw: one picture in every condition, for a few concepts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from exports.figures.style import data_uri
from exports.report.sections import DREAM, NOTHING_COUNTS, Missing
from exports.report.wording import in_order, label
from exports.studies import ConditionRecord
from scoring.accuracy import experiment_trials
from stimuli.pictures import opened

#: concepts that are shown
SHOWN = 3
#: longest side of an embedded picture in pixels, and its WebP quality
SIDE, QUALITY = 288, 78


def examples(
    trials: pd.DataFrame,
    stimuli: pd.DataFrame,
    conditions: Sequence[ConditionRecord],
    images: Path,
) -> list[dict[str, Any]] | Missing:
    """Strips of pictures: the concepts named best, in the middle, and worst."""
    shown = in_order(conditions)
    strips = [
        {"concept": concept, "rank": rank, "pictures": _strip(concept, stimuli, shown, images)}
        for rank, concept in _chosen(trials)
    ]
    found = [strip for strip in strips if strip["pictures"]]
    if not strips:
        return Missing(NOTHING_COUNTS)
    return found or Missing(f"the pictures are not in {images.name}/ of the data directory")


def _chosen(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Up to three concepts, with what they are chosen for; with adaptive trials the first by name."""
    counting = experiment_trials(trials)
    if counting["adaptive"].any():
        return [("", name) for name in sorted(counting["concept"].unique())[:SHOWN]]
    credit = counting[["concept", "soft_correct"]].astype({"soft_correct": float})
    order = credit.groupby("concept")["soft_correct"].mean().reset_index()
    names = order.sort_values(["soft_correct", "concept"], ascending=[False, True])["concept"].tolist()
    if len(names) <= SHOWN:
        return [("", name) for name in names]
    return [("named best", names[0]), ("in the middle", names[len(names) // 2]), ("named worst", names[-1])]


def _strip(
    concept: str, stimuli: pd.DataFrame, conditions: Sequence[ConditionRecord], images: Path
) -> list[dict[str, str]]:
    """The first source, by id, whose picture is there in every condition, with the first dreams."""
    own = stimuli[(stimuli["concept"] == concept) & (stimuli["kind"] == "test")]
    dreams = _files(own[own["role"] == DREAM].sort_values("stimulus", ascending=False), images)
    for _, rows in own[own["role"] != DREAM].groupby("source", sort=True):
        files = _files(rows, images) | dreams
        if all(one.key in files and files[one.key].is_file() for one in conditions):
            return [
                {
                    "uri": _embedded(files[one.key]),
                    "label": label(one, conditions),
                    "alt": f"{concept}, {label(one, conditions)}",
                }
                for one in conditions
            ]
    return []


def _files(rows: pd.DataFrame, images: Path) -> dict[str, Path]:
    """The picture of each condition, the last one of several."""
    shown = zip(rows["condition"], rows["image_sha256"], strict=True)
    return {str(condition): images / f"{sha256}.png" for condition, sha256 in shown}


def _embedded(path: Path) -> str:
    with opened(path, f"the picture {path}") as image:
        picture = image.convert("RGB")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=QUALITY, method=4)
    return data_uri(stream.getvalue(), "webp")
