from __future__ import annotations

import json

import pandas as pd
import pytest

from experiment_server.design.quality import RULES
from exports.codebook import (
    NOT_EXPORTED,
    STIMULUS_COLUMNS,
    codebook_markdown,
    describe_stimuli,
    describe_trials,
)
from exports.quality import FLAGS
from exports.session_tables import describe_column
from scoring.trial_table import COLUMNS, OPTIONAL, conform
from stimuli.manifest import COLUMNS as MANIFEST_COLUMNS


def trials() -> pd.DataFrame:
    rows = [
        {"level": 5, "trial_category": "experiment", "rt_ms": 800.5, "hard_correct": True, "response": "dog"},
        {"level": 1, "trial_category": "catch", "rt_ms": None, "hard_correct": False, "response": "a|b"},
    ]
    return conform(pd.DataFrame(rows).assign(activation_3=[0.0, 1.5]))


def test_every_column_has_type_unit_range_levels_and_what_missing_means() -> None:
    found = {column["name"]: column for column in describe_trials(trials())}
    assert list(found) == [*(column.name for column in COLUMNS), "activation_3"]
    assert found["level"]["levels"] == [1, 5]
    assert found["level"]["range"] == [1, 5]
    assert found["rt_ms"]["range"] == [800.5, 800.5]
    assert (found["rt_ms"]["unit"], found["rt_ms"]["n_missing"]) == ("ms", 1)
    assert found["rt_ms"]["missing"] == "Not measured."
    assert found["trial_category"]["levels"] == ["catch", "experiment"]
    assert found["hard_correct"]["levels"] == [False, True]
    assert found["response"]["levels"] is None
    assert found["participant"]["levels"] is None
    assert found["activation_3"]["range"] == [0, 1.5]
    assert "channel 3" in found["activation_3"]["description"]
    json.dumps(list(found.values()), allow_nan=False)


def test_every_column_of_a_manifest_is_described_or_kept_back() -> None:
    assert set(MANIFEST_COLUMNS) == (set(STIMULUS_COLUMNS) & set(MANIFEST_COLUMNS)) | set(NOT_EXPORTED)


def test_optional_columns_are_described_where_they_are() -> None:
    names = [column.name for column in OPTIONAL]
    nothing = pd.DataFrame({name: [None, None] for name in names})
    found = describe_trials(conform(pd.concat([trials(), nothing], axis=1)))
    assert [one["name"] for one in found][len(COLUMNS) :] == [*names, "activation_3"]
    assert all(one["n_missing"] == 2 and one["missing"] for one in found if one["name"] in names)


def test_every_flag_of_the_server_has_words() -> None:
    assert list(FLAGS) == list(RULES)
    for name in FLAGS:
        assert FLAGS[name] in describe_column(f"flag_{name}").description


def test_an_undescribed_column_of_sessions_is_an_error() -> None:
    with pytest.raises(KeyError, match="secret"):
        describe_column("secret")


def test_an_undescribed_column_is_an_error() -> None:
    with pytest.raises(KeyError, match="secret"):
        describe_stimuli(pd.DataFrame({"stimulus": ["a"], "secret": ["b"]}))


def test_markdown_has_a_row_for_each_column() -> None:
    text = codebook_markdown("Shapes", {"trials": describe_trials(trials())}, "Notes.")
    assert text.startswith("# Codebook: Shapes\n\nNotes.\n\n## trials\n")
    assert sum(line.startswith("| `") for line in text.splitlines()) == len(COLUMNS) + 1
    assert "| `rt_ms` | number | ms |" in text
    assert "1: Not measured." in text
