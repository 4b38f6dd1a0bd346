from __future__ import annotations

from pathlib import Path

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
    found = read_model_vs_human(folder)
    frame = found.frame.set_index(["observer", "stimulus"])
    assert (found.origin, found.alternatives, found.concepts) == ("edge", 2, ("dog", "oven"))
    assert len(frame) == 4
    assert set(frame["kind"]) == {"human"}
    assert set(frame["condition"]) == {"edge"}
    assert frame.loc[("subject-02", "oven-2.png"), "chosen"] == "dog"
    assert frame["severity"].isna().all()


def test_the_first_answer_to_a_picture_counts(folder: Path) -> None:
    found = read_model_vs_human(folder)
    frame = found.frame.set_index(["observer", "stimulus"])
    assert frame.loc[("subject-01", "dog1.png"), "correct"]
    assert "1 answers to a picture that the observer had seen before are left out." in found.notes


@pytest.mark.parametrize("missing", ["na", "NaN", "", "NA"])
def test_no_answer_is_wrong_and_names_nothing(tmp_path: Path, missing: str) -> None:
    made = tmp_path / "set"
    write(made, "a.csv", row("subject-01", 1, missing, "dog", "a.png"))
    found = read_model_vs_human(made)
    one = found.frame.iloc[0]
    assert not one["correct"]
    assert found.frame["chosen"].isna().all()
    assert found.notes == ("1 trials have no answer; they count as wrong, naming no category.",)


def test_several_conditions_make_several_stimuli_of_one_source(tmp_path: Path) -> None:
    made = tmp_path / "contrast"
    rows = [row("subject-01", at, "dog", "dog", "a.png", name) for at, name in ((1, "c05"), (2, "c100"))]
    found = read_model_vs_human(write(made, "a.csv", *rows).parent).frame
    assert sorted(found["stimulus"]) == ["c05/a.png", "c100/a.png"]
    assert set(found["source"]) == {"a.png"}
    assert sorted(found["severity"]) == [5, 100]


def test_a_perturbation_is_never_called_like_one_of_ours(tmp_path: Path) -> None:
    made = tmp_path / "contrast"
    found = read_model_vs_human(write(made, "a.csv", row("subject-01", 1, "dog", "dog", "a.png")).parent)
    assert set(found.frame["perturbation"]) == {"contrast (benchmark)"}


def test_conditions_without_numbers_have_no_severity(tmp_path: Path) -> None:
    made = tmp_path / "set"
    rows = [row("subject-01", at, "dog", "dog", "a.png", name) for at, name in ((1, "cr"), (2, "bw"))]
    assert read_model_vs_human(write(made, "a.csv", *rows).parent).frame["severity"].isna().all()


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
        "categories dog, oven; a data set has the same alternatives in all its trials"
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
        read_model_vs_human(path.parent)
    assert str(caught.value) == (
        f"{path.parent} has no answers of people, whose subj is such as subject-01; "
        "its observers are resnet50"
    )
