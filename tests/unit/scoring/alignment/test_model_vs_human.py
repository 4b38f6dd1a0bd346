from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from scoring.alignment.model_vs_human import read_model_vs_human
from stimuli.errors import UserError

HEADER = "subj,session,trial,rt,object_response,category,condition,imagename"


def write(folder: Path, name: str, *rows: str, header: str = HEADER) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def row(observer: str, trial: int, answer: str, category: str, token: str, condition: str = "0") -> str:
    return (
        f"{observer},1,{trial},0.5,{answer},{category},{condition},{trial:04d}_x_s01_0_{category}_00_{token}"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "edge"
    write(
        made,
        "edge_subject-01_session_1.csv",
        row("subject-01", 2, "oven", "dog", "dog1.png"),
        row("subject-01", 1, "dog", "dog", "dog1.png"),
        row("subject-01", 3, "na", "oven", "oven-2.png"),
    )
    write(
        made,
        "edge_subject-02_session_1.csv",
        row("subject-02", 1, "dog", "oven", "oven-2.png"),
        row("subject-02", 2, "dog", "dog", "dog1.png"),
    )
    return made


def test_people_their_stimuli_and_what_they_chose(folder: Path) -> None:
    found = read_model_vs_human(str(folder))
    frame = found.frame.set_index(["observer", "stimulus"])
    assert (found.origin, found.alternatives, found.concepts) == ("edge", 2, ("dog", "oven"))
    assert len(frame) == 4
    assert set(frame["kind"]) == {"human"}
    assert set(frame["condition"]) == {"edge"}
    assert frame.loc[("subject-02", "oven-2.png"), "chosen"] == "dog"
    assert frame["severity"].isna().all()


def test_a_byte_order_mark_is_read_over(folder: Path) -> None:
    plain = read_model_vs_human(folder).frame
    for path in folder.glob("*.csv"):
        path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert read_model_vs_human(folder).frame.equals(plain)


def test_the_first_answer_to_a_picture_counts(folder: Path) -> None:
    found = read_model_vs_human(folder)
    frame = found.frame.set_index(["observer", "stimulus"])
    assert frame.loc[("subject-01", "dog1.png"), "correct"]
    assert "1 answer to a picture that the observer had seen before is left out." in found.notes


@pytest.mark.parametrize("missing", ["na", "NaN", "", "NA"])
def test_no_answer_is_wrong_and_names_nothing(tmp_path: Path, missing: str) -> None:
    made = tmp_path / "set"
    write(made, "a.csv", row("subject-01", 1, missing, "dog", "a.png"))
    found = read_model_vs_human(made, alternatives=2)
    one = found.frame.iloc[0]
    assert not one["correct"]
    assert found.frame["chosen"].isna().all()
    assert found.notes == ("1 trial has no answer; it counts as wrong, naming no category.",)


def test_several_conditions_make_several_stimuli_of_one_source(tmp_path: Path) -> None:
    made = tmp_path / "contrast"
    rows = [row("subject-01", at, "dog", "dog", "a.png", name) for at, name in ((1, "c05"), (2, "c100"))]
    found = read_model_vs_human(write(made, "a.csv", *rows).parent, alternatives=2).frame
    assert sorted(found["stimulus"]) == ["c05/a.png", "c100/a.png"]
    assert set(found["source"]) == {"a.png"}
    assert sorted(found["severity"]) == [5, 100]


def test_a_perturbation_is_never_called_like_one_of_ours(tmp_path: Path) -> None:
    made = tmp_path / "contrast"
    path = write(made, "a.csv", row("subject-01", 1, "dog", "dog", "a.png"))
    found = read_model_vs_human(path.parent, alternatives=2)
    assert set(found.frame["perturbation"]) == {"contrast (benchmark)"}


def test_conditions_without_numbers_have_no_severity(tmp_path: Path) -> None:
    made = tmp_path / "set"
    rows = [row("subject-01", at, "dog", "dog", "a.png", name) for at, name in ((1, "cr"), (2, "bw"))]
    assert (
        read_model_vs_human(write(made, "a.csv", *rows).parent, alternatives=2).frame["severity"].isna().all()
    )


def test_who_is_not_called_like_a_person_is_a_model(folder: Path) -> None:
    write(folder, "edge_resnet50.csv", row("resnet50", 1, "dog", "dog", "dog1.png"))
    frame = read_model_vs_human(folder, ["subject-02"]).frame
    kinds = frame.drop_duplicates("observer").set_index("observer")["kind"].to_dict()
    assert kinds == {"resnet50": "model", "subject-01": "human", "subject-02": "model"}


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_model_vs_human(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no CSV file; a model-vs-human file has the columns subj, object_response, "
        "category, condition, imagename, one file for each observer and session"
    )


def test_a_missing_column(tmp_path: Path) -> None:
    path = write(tmp_path / "set", "a.csv", "subject-01,dog", header="subj,category")
    with pytest.raises(UserError) as caught:
        read_model_vs_human(path.parent)
    assert str(caught.value) == (
        f"{path} lacks the column object_response, condition, imagename; a model-vs-human file has the "
        "columns subj, object_response, category, condition, imagename"
    )


def test_an_empty_name(tmp_path: Path) -> None:
    path = write(tmp_path / "set", "a.csv", row("subject-01", 1, "dog", " ", "a.png"))
    with pytest.raises(UserError) as caught:
        read_model_vs_human(path.parent)
    assert str(caught.value) == f"{path}, row 1, column category is empty; fill it in or leave the row out"


def test_an_answer_that_is_no_category(folder: Path) -> None:
    write(folder, "b.csv", row("subject-03", 1, "boat", "dog", "dog1.png"))
    with pytest.raises(UserError) as caught:
        read_model_vs_human(folder)
    assert str(caught.value) == (
        f"{folder}: subject-03 answered 'boat' to 0001_x_s01_0_dog_00_dog1.png, which is none of the 2 "
        "categories dog, oven; correct it, or say with --alternatives how many words there were to choose "
        "from, if some were never shown"
    )


def test_a_picture_of_two_categories(folder: Path) -> None:
    write(folder, "b.csv", row("subject-03", 1, "dog", "oven", "dog1.png"))
    with pytest.raises(UserError) as caught:
        read_model_vs_human(folder)
    assert str(caught.value) == (
        f"{folder}: the picture dog1.png is of the categories dog, oven; give pictures of different "
        "categories different names after the last underscore"
    )


def test_an_unknown_model(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_model_vs_human(folder, ["vgg"])
    assert str(caught.value) == (f"{folder} has no observer vgg; its observers are subject-01, subject-02")


def test_models_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "set", "a.csv", row("resnet50", 1, "dog", "dog", "a.png"))
    with pytest.raises(UserError) as caught:
        read_model_vs_human(path.parent, alternatives=2)
    assert str(caught.value) == (
        f"{path.parent} has no answers of people, whose subj is such as subject-01; "
        "its observers are resnet50"
    )


def numbered(folder: Path, *names: str) -> Path:
    """One person who was shown a picture of a dog in each condition."""
    rows = [row("subject-01", at, "dog", "dog", "a.png", name) for at, name in enumerate(names)]
    return write(folder, "a.csv", *rows).parent


def test_pictures_of_imagenet_are_told_by_their_synset(tmp_path: Path) -> None:
    header = HEADER.replace("session", "Session")
    rows = [
        f"subject-01,1,{at},1,dog,{name},c{contrast},{at:04d}_cop_s01_c{contrast}_{name}_10_{picture}"
        for at, (name, contrast, picture) in enumerate(
            [
                ("dog", "05", "n02690373_9759.png"),
                ("dog", "05", "n02690374_9759.png"),
                ("oven", "05", "n03344393_9759.png"),
                ("dog", "100", "n02690373_9759.png"),
            ]
        )
    ]
    found = read_model_vs_human(write(tmp_path / "contrast", "a.csv", *rows, header=header).parent)
    assert found.frame["stimulus"].tolist() == [
        "c05/n02690373_9759.png",
        "c05/n02690374_9759.png",
        "c05/n03344393_9759.png",
        "c100/n02690373_9759.png",
    ]
    assert found.frame["source"].nunique() == 3
    assert found.notes == ()


def test_columns_are_found_without_regard_to_case(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    for path in folder.glob("*.csv"):
        (again / path.name).write_text(
            path.read_text().replace("session", "Session").replace("subj,", "Subj,")
        )
    pd.testing.assert_frame_equal(
        read_model_vs_human(again).frame.drop(columns=["condition", "perturbation"]),
        read_model_vs_human(folder).frame.drop(columns=["condition", "perturbation"]),
    )


def test_a_column_that_is_there_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "set", "a.csv", header=f"{HEADER},Subj")
    with pytest.raises(UserError) as caught:
        read_model_vs_human(path.parent)
    assert str(caught.value) == f"{path} has the column subj twice, but for capitals; leave one of them out"


@pytest.mark.parametrize(
    ("names", "severities"),
    [
        (("-10", "-5", "0", "2.5"), [-10, -5, 0, 2.5]),
        (("c05", "C10", "c100"), [5, 10, 100]),
        (("n-05", "n-10"), [5, 10]),
        (("1e-3", ".5"), [0.001, 0.5]),
    ],
)
def test_conditions_that_are_numbers(tmp_path: Path, names: tuple[str, ...], severities: list[float]) -> None:
    found = read_model_vs_human(numbered(tmp_path / "set", *names), alternatives=2)
    assert sorted(found.frame["severity"]) == severities
    assert found.notes == ()


def test_a_condition_that_is_no_number_takes_no_other_s_severity(tmp_path: Path) -> None:
    found = read_model_vs_human(numbered(tmp_path / "set", "3", "1.5", "inf"), alternatives=2)
    severity = found.frame.set_index("condition")["severity"]
    assert severity.isna().to_dict() == {"3": False, "1.5": False, "inf": True}
    assert found.notes == ("Conditions that are no numbers have no severity and are in no curve: inf.",)


def test_conditions_with_different_letters_have_no_severity(tmp_path: Path) -> None:
    found = read_model_vs_human(numbered(tmp_path / "set", "c1", "c2", "d3"), alternatives=2)
    assert found.frame["severity"].isna().all()
    assert found.notes == (
        "Conditions are numbers after different letters ('c', 'd'), so none is taken as a severity.",
    )


def test_conditions_that_are_one_number_are_one(tmp_path: Path) -> None:
    found = read_model_vs_human(numbered(tmp_path / "set", "01", "2", "1"), alternatives=2)
    assert sorted(found.frame["condition"]) == ["01", "2"]
    assert found.notes == (
        "1 answer to a picture that the observer had seen before is left out.",
        "The conditions 01 and 1 are the same number and are one.",
    )


def test_the_order_of_rows_and_files_makes_no_difference(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again" / "edge"
    again.mkdir(parents=True)
    rows = [line for path in folder.glob("*.csv") for line in path.read_text().splitlines()[1:]]
    write(again, "all.csv", *rows[::-1])
    pd.testing.assert_frame_equal(read_model_vs_human(again).frame, read_model_vs_human(folder).frame)


def test_people_in_any_case_and_who_is_taken_as_a_model(folder: Path) -> None:
    write(folder, "b.csv", row("Subject-03", 1, "dog", "dog", "dog1.png"))
    write(folder, "c.csv", row("vgg", 1, "dog", "dog", "dog1.png"))
    found = read_model_vs_human(folder, ["subject-02"])
    assert sorted(found.of_kind("model")["observer"]) == ["subject-02", "subject-02", "vgg"]
    assert found.notes[-1] == "Taken as models, since they are not called like subject-01: vgg."


@pytest.mark.parametrize("name", ["people", "labelled units"])
def test_a_model_called_like_something_else(folder: Path, name: str) -> None:
    write(folder, "b.csv", row(name, 1, "dog", "dog", "dog1.png"))
    with pytest.raises(UserError) as caught:
        read_model_vs_human(folder)
    assert str(caught.value) == (
        f"{folder} has a model called {name!r}, a name that tables use; call it otherwise"
    )


def test_more_words_than_were_shown(folder: Path) -> None:
    write(folder, "b.csv", row("subject-03", 1, "boat", "dog", "dog1.png"))
    found = read_model_vs_human(folder, alternatives=16)
    assert (found.alternatives, found.concepts) == (16, ("dog", "oven"))
    with pytest.raises(UserError) as caught:
        read_model_vs_human(folder, alternatives=2)
    assert str(caught.value) == (
        f"--alternatives 2 is fewer than the 3 categories of {folder}: boat, dog, oven; "
        "give how many words there were to choose from"
    )


def test_one_category_is_no_choice(tmp_path: Path) -> None:
    made = numbered(tmp_path / "set", "1")
    with pytest.raises(UserError) as caught:
        read_model_vs_human(made)
    assert str(caught.value) == (
        f"{made} shows the category dog alone, which is no choice; "
        "say with --alternatives how many words there were to choose from"
    )


def test_a_category_may_be_called_like_a_missing_answer(tmp_path: Path) -> None:
    rows = [row("subject-01", 1, "NA", "NA", "a.png"), row("subject-01", 2, "na", "dog", "b.png")]
    found = read_model_vs_human(write(tmp_path / "set", "a.csv", *rows).parent)
    assert found.frame["correct"].tolist() == [True, False]
    assert found.frame["chosen"].isna().tolist() == [False, True]


def test_a_folder_of_folders(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_model_vs_human(folder.parent)
    assert str(caught.value) == (
        f"{folder.parent} holds no CSV file, but folders in it do (edge); "
        "name one of them, since each is a data set"
    )
