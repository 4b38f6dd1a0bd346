from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.causal_effects import CleanImage
from scoring.channel_study import DOSE, ChannelStudy, DegradedImage, Request, scale_name
from scoring.channel_table import FEW_IMAGES, NO_CONCEPTS, SILENT, Draws, channel_table
from scoring.matched_controls import matched_controls

CONCEPTS = ("apple", "key")
EACH, CHANNELS = 6, 40


def study(seed: int = 0) -> ChannelStudy:
    """Channel 7 harms apple's logit on pictures of apples; channel 9 is silent; the rest is noise."""
    rng = np.random.default_rng(seed)
    images = tuple(
        CleanImage(f"{name}{i}", name, Path(f"{name}{i}.png")) for name in CONCEPTS for i in range(EACH)
    )
    silenced = rng.normal(0, 0.1, (len(images), CHANNELS, 2)).astype(np.float32)
    silenced[:EACH, 7, 0] += 1
    silenced[:, 9] = 0
    mean = rng.uniform(1, 2, CHANNELS)
    mean[9] = 0
    units = np.array([7, 9, 3])
    falls = {scale_name(scale): (1 - scale) * silenced[:, units] for scale in DOSE}
    degraded = tuple(DegradedImage(i, Path(f"{i}.png")) for i in range(len(images)))
    return ChannelStudy(
        images=images,
        degraded=degraded,
        concepts=CONCEPTS,
        request=Request(units=(7, 9, 3)),
        units=units,
        controls=matched_controls(mean, units, 20),
        mean_activation=mean,
        silenced=silenced,
        falls={**falls, "mean": silenced[:, units], "resample": 2 * silenced[:, units]},
        changes={0.0: np.abs(silenced[:, units, 0]), 2.0: np.abs(silenced[:, units, 1])},
        restored=0.5 * silenced[:, units],
        lost=np.full((len(images), 2), 2, np.float32),
        weights="weights",
        layer="layer",
        method="method",
        preprocess="squash",
    )


def row_of(table: pd.DataFrame, unit: int, concept: str) -> dict[str, Any]:
    """The row of a unit and a concept."""
    rows: list[dict[str, Any]] = table[table["unit"].eq(unit) & table["concept"].eq(concept)].to_dict(
        "records"
    )  # type: ignore[assignment]
    assert len(rows) == 1
    return rows[0]


def test_estimates_by_hand() -> None:
    measured = study()
    row = row_of(channel_table(measured, Draws(200)), 7, "apple")
    own, others = measured.silenced[:EACH, :, 0].mean(0), measured.silenced[EACH:, :, 0].mean(0)
    assert row["effect_concept"] == pytest.approx(own[7], abs=1e-6)
    assert row["effect_others"] == pytest.approx(others[7], abs=1e-6)
    assert row["specific"] == pytest.approx(own[7] - others[7], abs=1e-6)
    controls = (own - others)[measured.controls[0]]
    assert row["control_mean"] == pytest.approx(controls.mean(), abs=1e-6)
    assert (row["e_C"], row["percentile"], row["n_controls"]) == (1, 1, 20)
    assert row["specific_low"] < row["specific"] < row["specific_high"]
    assert row["dose_slope"] == pytest.approx(row["specific"], abs=1e-6)
    assert row["mean_ablation"] == pytest.approx(row["specific"], abs=1e-6)
    assert row["resample_ablation"] == pytest.approx(2 * row["specific"], abs=1e-6)
    assert row["patch"] == pytest.approx(row["specific"] / 2, abs=1e-6)
    assert row["patch_recovery"] == pytest.approx(row["effect_concept"] / 4, abs=1e-6)
    assert row["change_0"] == pytest.approx(np.abs(measured.silenced[:, 7, 0]).mean(), abs=1e-6)
    assert (row["n_images_concept"], row["n_images_others"], row["n_degraded"]) == (EACH, EACH, EACH)


def test_a_silent_unit_has_no_estimate_but_a_reason() -> None:
    row = row_of(channel_table(study(), Draws(20)), 9, "apple")
    assert row["reason"] == SILENT
    assert np.isnan([row["e_C"], row["specific"], row["dose_slope"], row["patch"]]).all()


def test_one_image_on_a_side_is_too_few() -> None:
    measured = study()
    few = replace(
        measured,
        images=measured.images[EACH - 1 :],
        silenced=measured.silenced[EACH - 1 :],
        falls={name: fall[EACH - 1 :] for name, fall in measured.falls.items()},
        degraded=(),
        restored=measured.restored[:0],
        lost=measured.lost[:0],
    )
    table = channel_table(few, Draws(20))
    assert set(table["reason"]) == {FEW_IMAGES}
    assert table["e_C"].isna().all()


def test_without_concepts_there_are_changes_only() -> None:
    bare = replace(study(), concepts=(), falls={})
    table = channel_table(bare)
    assert table["reason"].str.startswith(NO_CONCEPTS).all()
    assert table["concept"].isna().all()
    assert table["change_0"].notna().all()


def test_a_random_channel_is_above_half_its_controls() -> None:
    values = [row_of(channel_table(study(seed), Draws(0)), 3, "apple")["e_C"] for seed in range(60)]
    assert abs(np.mean(values)) < 0.25


def test_only_the_wanted_concepts_have_rows() -> None:
    assert set(channel_table(study(), Draws(0), ["key"])["concept"]) == {"key"}


def test_controls_are_the_nearest_in_order_without_the_unit_and_silent_channels() -> None:
    mean = np.array([5.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0])
    found = matched_controls(mean, np.array([4, 0, 1]), 2)
    assert [sorted(row) for row in found.tolist()] == [[3, 5], [4, 5], [2, 3]]
    assert matched_controls(mean, np.array([4]), 100).shape == (1, 4)
