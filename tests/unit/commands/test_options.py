"""What the commands share: progress that suits its reader, and one way to tell an outcome."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from commands.options import progress, say
from manage import cli


def test_progress_yields_every_item_and_ends_with_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("abc"), "letters", 3, quiet=False)) == ["a", "b", "c"]
    assert capsys.readouterr().err == "letters: 3/3\n"


def test_quiet_progress_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress([1, 2], "numbers", 2, quiet=True)) == [1, 2]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("quiet", "as_json", "printed"),
    [(False, False, "Two are done.\n"), (True, False, ""), (False, True, '{"done": 2}\n')],
)
def test_an_outcome_is_a_sentence_or_json_or_nothing(
    capsys: pytest.CaptureFixture[str], quiet: bool, as_json: bool, printed: str
) -> None:
    say({"done": 2}, "Two are done.", quiet=quiet, as_json=as_json)
    assert capsys.readouterr().out == printed


def test_json_never_holds_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        say({"value": float("nan")}, "", quiet=False, as_json=True)


@pytest.mark.parametrize(
    ("option", "command"),
    [("--every", ["worker"]), ("--dropout", ["simulate", "demo", "--participants", "1"])],
)
def test_nan_is_no_number(option: str, command: list[str]) -> None:
    done = CliRunner().invoke(cli, [*command, option, "nan"])
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == f"Error: Invalid value for '{option}': nan is not a number."
