from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from pandas.testing import assert_frame_equal

from scoring.trial_table import (
    COLUMNS,
    NAMES,
    OPTIONAL,
    channels,
    conform,
    pseudonym,
    read_trials,
    write_trials,
)
from stimuli.errors import UserError

PUBLISHED = """\
level,batch,PROLIFIC_PID,image_filename,image_basename,response,response_clean,ground_truth,\
trial_category,hard_correct,soft_correct,annotation,annotation_string,activation_89,activation_7
1,0,p1,https://example.org/1/raised_hand_noisy_level1_4.jpg,raised_hand_noisy_level1_4.jpg,0,"null,NA",\
raised hand,experiment,False,True,"[""A""]",A,0.5,1e-05
5,0,p1,https://example.org/5/araic_alphabet_clean_3.jpg,araic_alphabet_clean_3.jpg,0,"a,b",\
arabic alphabet,experiment,True,1,"[""A""]",A,0.25,
4,0,p2,https://example.org/4/neuron_89_grey.jpg,neuron_89_grey.jpg,0,"a,b",trump,experiment,0,0,"[""A""]",A,2,3
5,0,p2,https://example.org/cat.jpg,cat.jpg,0,cat,cat,catch,1,,,,,
"""
OWN = "level,image_basename,ground_truth,trial_category,soft_correct,source\n1,a.png,cat,experiment,0.5,s1\n"


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trials.csv"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_trials(path)
    return str(caught.value)


def test_the_columns_are_those_of_the_contract_in_order() -> None:
    published = (
        "level batch participant image_filename image_basename response_clean ground_truth trial_category "
        "hard_correct soft_correct"
    )
    own = (
        "study session trial_index stimulus source concept perturbation severity severity_unit response "
        "rt_ms exposure_requested_ms exposure_measured_ms excluded exclusion_rule"
    )
    assert " ".join(NAMES) == f"{published} {own}"


@pytest.mark.parametrize("column", [*COLUMNS, *OPTIONAL], ids=lambda column: column.name)
def test_each_column_says_what_it_is_and_what_missing_means(column: object) -> None:
    described = [getattr(column, name) for name in ("description", "missing")]
    assert all(text.endswith((".", ")")) and "\n" not in text for text in described)


def test_each_column_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "trial-table.md").read_text(encoding="utf-8")
    assert [one.name for one in (*COLUMNS, *OPTIONAL) if f"| `{one.name}` |" not in page] == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_optional_columns_keep_their_types_and_come_after_the_contracts(tmp_path: Path, suffix: str) -> None:
    frame = read_trials(table(tmp_path, OWN)).assign(
        mine="x", concept_repetition=2, timing_flags="none", refresh_hz=float("nan")
    )
    path = tmp_path / f"other{suffix}"
    write_trials(frame, path)
    again = read_trials(path)
    names = ["refresh_hz", "timing_flags", "concept_repetition"]
    assert list(again.columns) == [*NAMES, *names, "mine"]
    assert [str(again[name].dtype) for name in names] == ["Float64", "string", "Int64"]
    assert again["concept_repetition"].tolist() == [2]
    assert again["refresh_hz"].isna().all()


def test_an_optional_column_of_another_kind_is_refused_in_an_export(tmp_path: Path) -> None:
    names = [*NAMES, *(column.name for column in OPTIONAL)]
    frame = read_trials(table(tmp_path, OWN)).reindex(columns=names)
    frame["confidence"] = "sure"
    path = tmp_path / "export.csv"
    frame.to_csv(path, index=False)
    assert refusal(path) == (
        f"{path}, row 1, column confidence: 'sure' is not a number; correct it or leave it empty"
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("confidence", "0.7"), ("confidence", "high"), ("presented_again", "yes")),
        *(("refresh_hz", "60 Hz"), ("dropped_frames", "0.5")),
    ],
)
def test_another_tables_own_column_is_kept_as_text(tmp_path: Path, column: str, value: str) -> None:
    text = OWN.replace("source\n", f"source,{column}\n").replace("s1\n", f"s1,{value}\n")
    frame = read_trials(table(tmp_path, text))
    assert frame[column].tolist() == [value]
    assert frame.attrs["notes"] == [
        f"The column {column} does not hold what a study's export has under this name, so it is kept as text."
    ]
    write_trials(frame, tmp_path / "again.parquet")
    assert read_trials(tmp_path / "again.parquet")[column].tolist() == [value]


def test_reads_the_published_form(tmp_path: Path) -> None:
    frame = read_trials(table(tmp_path, PUBLISHED))
    assert list(frame.columns[: len(NAMES)]) == list(NAMES)
    assert frame.attrs["form"] == "published"
    assert frame["source"].tolist() == ["raised hand 4", "arabic alphabet 3", "neuron 89 grey", "cat.jpg"]
    assert frame["hard_correct"].tolist() == [False, True, False, True]
    assert frame["soft_correct"].tolist()[:3] == [1, 1, 0]
    assert frame["response_clean"].tolist() == ["null,NA", "a,b", "a,b", "cat"]
    assert frame["activation_7"].tolist()[0] == 1e-05
    assert pd.isna(frame["activation_7"].iloc[1])
    assert channels(list(frame.columns)) == [7, 89]


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    plain = read_trials(table(tmp_path, PUBLISHED), key=b"key")
    assert read_trials(table(tmp_path, f"\ufeff{PUBLISHED}"), key=b"key").equals(plain)


def test_prolific_ids_are_replaced_at_once(tmp_path: Path) -> None:
    path = table(tmp_path, PUBLISHED)
    frame = read_trials(path, key=b"secret")
    assert "PROLIFIC_PID" not in frame.columns
    assert frame["participant"].tolist() == [pseudonym(pid, b"secret") for pid in ("p1", "p1", "p2", "p2")]
    assert frame.attrs["notes"] == ["PROLIFIC_PID was replaced by pseudonyms under the key file."]


def test_without_a_key_pseudonyms_are_random_and_that_is_said(tmp_path: Path) -> None:
    path = table(tmp_path, PUBLISHED)
    first, second = read_trials(path), read_trials(path)
    assert first["participant"].nunique() == 2
    assert not first["participant"].equals(second["participant"])
    note = "PROLIFIC_PID was replaced by pseudonyms under a random key, so they differ next time."
    assert first.attrs["notes"] == [note]


def test_an_image_without_a_source_is_its_own_and_that_is_said(tmp_path: Path) -> None:
    text = OWN.replace(",source", "").replace(",s1", "")
    frame = read_trials(table(tmp_path, text))
    assert frame["source"].tolist() == ["a.png"]
    assert frame.attrs["form"] == "other"
    assert frame.attrs["notes"] == [
        "1 images have no source in the table, so each is taken as its own source."
    ]


def test_the_file_name_stands_in_for_the_base_name(tmp_path: Path) -> None:
    text = OWN.replace("image_basename", "image_filename").replace("a.png", "https://example.org/x/a.png")
    assert read_trials(table(tmp_path, text))["image_basename"].tolist() == ["a.png"]


def test_reads_only_the_units_asked_for_and_knows_the_others(tmp_path: Path) -> None:
    frame = read_trials(table(tmp_path, PUBLISHED), units=[89, 5])
    assert [name for name in frame.columns if name.startswith("activation")] == ["activation_89"]
    assert frame.attrs["channels"] == [7, 89]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_written_reads_back_equal(tmp_path: Path, suffix: str) -> None:
    frame = read_trials(table(tmp_path, PUBLISHED), key=b"secret")
    path = tmp_path / f"out{suffix}"
    write_trials(frame, path)
    assert_frame_equal(read_trials(path), frame)


def test_parquet_carries_the_format_version(tmp_path: Path) -> None:
    write_trials(read_trials(table(tmp_path, PUBLISHED)), tmp_path / "out.parquet")
    assert pq.read_schema(tmp_path / "out.parquet").metadata[b"interpscore.format_version"] == b"1"


def test_conform_adds_what_is_lacking_and_orders_activations() -> None:
    frame = conform(
        pd.DataFrame({"activation_10": [1.0], "note": ["x"], "activation_9": [2.0], "level": [3]})
    )
    assert list(frame.columns) == [*NAMES, "note", "activation_9", "activation_10"]
    assert frame.dtypes[: len(NAMES)].astype(str).tolist() == [column.dtype for column in COLUMNS]


def test_conform_takes_an_empty_table() -> None:
    assert list(conform(pd.DataFrame()).columns) == list(NAMES)


def test_channels_are_numbers() -> None:
    assert channels(["activation_10", "activation_9", "activation_mean", "level"]) == [9, 10]


def test_ids_are_never_written(tmp_path: Path) -> None:
    frame = pd.DataFrame({"PROLIFIC_PID": ["p1"], "level": [1]})
    path = tmp_path / "out.csv"
    message = f"{path} is not written, since it has a PROLIFIC_PID column; replace it by pseudonyms"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        write_trials(frame, path)
    assert not path.exists()


def test_another_ending_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trials.xlsx"
    expected = f"{path} is neither .csv nor .parquet; a trial table is one of the two"
    assert refusal(path) == expected
    with pytest.raises(UserError, match=f"^{re.escape(expected)}$"):
        write_trials(pd.DataFrame(), path)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    assert refusal(path) == f"{path} does not exist; check the path of the trial table"


SHAPE = "a trial table has a header and one row per answered trial"
NEEDS = "a trial table needs level, image_basename, ground_truth, trial_category, soft_correct"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"PATH is empty; {SHAPE}"),
        (OWN.splitlines()[0] + "\n", f"PATH has no rows; {SHAPE}"),
        (
            OWN.replace("soft_correct", "softness"),
            f"PATH lacks the column soft_correct; {NEEDS} (see docs/trial-table.md)",
        ),
        (
            "x\n1\n",
            "PATH lacks the column level, image_basename, ground_truth, trial_category, soft_correct; "
            f"{NEEDS} (see docs/trial-table.md)",
        ),
        (
            OWN.replace("0.5", "1.5"),
            "PATH, row 1, column soft_correct: 1.5 is not between 0 and 1; a score of correctness lies there",
        ),
        (
            OWN.replace("0.5", "yes"),
            "PATH, row 1, column soft_correct: 'yes' is not a number; correct it or leave it empty",
        ),
        (OWN.replace("\n1,", "\n1.5,"), "PATH, row 1, column level: '1.5' is not a whole number; correct it"),
        (
            OWN.replace("\n1,", "\n,"),
            "PATH, row 1, column level: '' is missing; fill it in or leave the row out",
        ),
        (
            OWN.replace("source", "hard_correct"),
            "PATH, row 1, column hard_correct: 's1' is neither True nor False; correct it",
        ),
        (
            OWN.replace("source", "activation_3"),
            "PATH, row 1, column activation_3: 's1' is not a number; correct it or leave it empty",
        ),
        ('a,b\n1,"2\n', "PATH cannot be read as a trial table (ParserError); export it again"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = table(tmp_path, text)
    assert refusal(path) == message.replace("PATH", str(path))


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "trials.parquet"
    path.write_text("level\n1\n")
    assert refusal(path) == f"{path} cannot be read as a trial table (ArrowInvalid); export it again"


def test_a_response_that_is_there_twice(tmp_path: Path) -> None:
    lines = PUBLISHED.splitlines(keepends=True)
    path = table(tmp_path, "".join([*lines, lines[2]]))
    assert refusal(path) == f"{path}, rows 2 and 5 hold the same response twice; leave one of them out"


def test_a_trial_that_is_there_twice(tmp_path: Path) -> None:
    header = "level,image_basename,ground_truth,trial_category,soft_correct,source,session,trial_index\n"
    rows = "1,a.png,cat,experiment,1,s,x,0\n1,b.png,cat,experiment,1,t,x,1\n5,c.png,cat,experiment,0,u,x,0\n"
    path = table(tmp_path, header + rows)
    assert refusal(path) == f"{path}, rows 1 and 3 hold the same response twice; leave one of them out"


def test_equal_rows_of_unknown_participants_pass(tmp_path: Path) -> None:
    assert len(read_trials(table(tmp_path, OWN + OWN.splitlines()[1] + "\n"))) == 2


def test_another_score_column_is_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, OWN)
    with pytest.raises(UserError, match=r"lacks the column mine; "):
        read_trials(path, score_column="mine")
    named = table(tmp_path, OWN.replace("soft_correct", "mine"))
    assert read_trials(named, score_column="mine")["mine"].tolist() == [0.5]
