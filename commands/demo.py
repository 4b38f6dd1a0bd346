"""``manage.py demo``: the whole job, through the same commands that a user would type."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import requests

from commands.options import force_option, json_option, quiet_option
from stimuli.errors import UserError
from stimuli.files import make_folder, replacing

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

PATH = click.Path(path_type=Path, file_okay=False)
MANAGE = Path(__file__).parents[1] / "manage.py"
DEMO_STUDY = Path(__file__).parent / "demo_study"
STUDY = "demo"
SEED = 1
#: each concept's unit is chosen on the drawings by these artists, which the embedded model was trained on
SEEN_HANDS = ("twemoji", "noto")
#: and scored on the drawings by these, which it never saw
UNSEEN_HANDS = ("fluent-flat", "fluent-3d")
#: columns of the table that is printed, and how many decimals they have
DECIMALS = {"S": 2, "C": 2, "R": 2, "H": 2, "InterpScore": 2, "Q_perm": 3, "Q_ctrl": 3, "p_max": 3}
#: what a run notes of itself in its folder
NOTE = "demo.json"
#: what an unfinished run keeps: the same in every run
INPUTS = ("pictures", "stimuli")
RESULTS = (
    *("data", "activations.zarr", "dataset", "neuron_map.json"),
    *("results.csv", "results_controls.csv", "report.html", "alignment", NOTE),
)
START_SECONDS = 30.0
STOP_SECONDS = 30.0


class Demo:
    """One run of the demo in one folder; each step is one command of ``manage.py``."""

    def __init__(self, out: Path, participants: int, quiet: bool) -> None:
        self.out = out
        self.participants = participants
        self.quiet = quiet
        data = out / "data"
        self.environment = {
            **os.environ,
            "INTERPSCORE_DATA_DIR": str(data),
            "INTERPSCORE_DATABASE_URL": f"sqlite:///{data / 'interpscore.sqlite3'}",
        }

    def path(self, name: str) -> str:
        """A path inside the demo's folder."""
        return str(self.out / name)

    def say(self, sentence: str) -> None:
        """Print a line, unless quiet."""
        if not self.quiet:
            click.echo(sentence)

    def manage(self, *arguments: str) -> None:
        """Run one command to its end. Raises UserError with the command if it fails."""
        command = [sys.executable, str(MANAGE), *arguments, "--quiet"]
        if subprocess.run(command, env=self.environment, check=False).returncode:
            raise UserError(f"the demo stopped at: manage.py {' '.join(arguments)}; its message stands above")

    def run(self) -> dict[str, Any]:
        """Do every step and return the summary that the folder keeps."""
        started = time.monotonic()
        for title, step in (
            ("Drawing the pictures and building the stimuli", self.build_stimuli),
            ("Creating the study", self.create_study),
            (f"Serving {self.participants} simulated participants", self.collect_responses),
            ("Extracting activations from the embedded model", self.extract_activations),
            ("Scoring", self.score),
            ("Writing the dataset and the report", self.write_out),
            ("Measuring how alike people and the model recognise", self.align),
        ):
            self.say(f"{title} …")
            step()
        return {
            "participants": self.participants,
            "seed": SEED,
            "seconds": round(time.monotonic() - started, 1),
        }

    def build_stimuli(self) -> None:
        """Pictures of 12 concepts in four hands, in nine conditions each: of blur, enough for a curve."""
        for name in ("conditions.toml", "study.toml", "lexicon.toml"):
            shutil.copyfile(DEMO_STUDY / name, self.out / name)
        if not (self.out / "pictures" / "sources.csv").exists():
            self.manage("stimuli", "demo-pictures", "--out", self.path("pictures"), "--force")
        jobs = str(os.cpu_count() or 1)
        self.manage(
            *("stimuli", "build", self.path("pictures"), "--out", self.path("stimuli")),
            *("--conditions", self.path("conditions.toml"), "--jobs", jobs),
        )

    def create_study(self) -> None:
        """Freeze the study file into a new database, and open it: its participants are simulated."""
        self.manage("study", "create", self.path("study.toml"))
        self.manage("study", "rehearse", STUDY)

    def collect_responses(self) -> None:
        """Serve the study on a free port until the simulated participants are done."""
        with self.served() as url:
            self.manage(
                *("simulate", STUDY, "--participants", str(self.participants), "--url", url),
                *("--seed", str(SEED)),
            )

    def extract_activations(self) -> None:
        """All units of the embedded model's last block, for every stimulus."""
        self.manage("activations", "extract", self.path("stimuli"), "--out", self.path("activations.zarr"))
        self.manage(
            *("activations", "choose", self.path("stimuli"), "--store", self.path("activations.zarr")),
            *("--out", self.path("neuron_map.json")),
            *_repeated("--cluster", SEEN_HANDS),
            *_repeated("--concept", _concepts()),
        )

    def score(self) -> None:
        """InterpScore of each concept's unit, on artists' hands that the model never saw."""
        self.manage(
            *("score", "--study", STUDY, self.path("neuron_map.json"), self.path("results.csv")),
            *("--store", self.path("activations.zarr"), "--manifest", self.path("stimuli")),
            *_repeated("--cluster", UNSEEN_HANDS),
        )

    def write_out(self) -> None:
        """The dataset that others can read, and the report."""
        self.manage(
            *("export", STUDY, "--out", self.path("dataset"), "--store", self.path("activations.zarr")),
            *("--neuron-map", self.path("neuron_map.json"), "--manifest", self.path("stimuli")),
        )
        self.manage(
            *("report", STUDY, "--out", self.path("report.html"), "--results", self.path("results.csv")),
            *("--store", self.path("activations.zarr"), "--neuron-map", self.path("neuron_map.json")),
            *("--manifest", self.path("stimuli")),
            *_repeated("--cluster", UNSEEN_HANDS),
        )

    def align(self) -> None:
        """Human-model alignment, from the dataset that was written."""
        self.manage(
            *("align", self.path("dataset"), "--out", self.path("alignment")),
            *("--store", self.path("activations.zarr"), "--neuron-map", self.path("neuron_map.json")),
            *("--manifest", self.path("stimuli"), "--lexicon", self.path("lexicon.toml")),
        )

    @contextmanager
    def served(self) -> Iterator[str]:
        """Run the server while the block runs, and give its address."""
        url = f"http://127.0.0.1:{_free_port()}"
        command = [sys.executable, str(MANAGE), "serve", "--port", url.rpartition(":")[2], "--quiet"]
        server = subprocess.Popen(command, env=self.environment)
        try:
            _wait_until_it_answers(server, url)
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(STOP_SECONDS)


def _repeated(option: str, values: Iterable[str]) -> list[str]:
    """Give an option once for each value, as the command line wants it."""
    return [word for value in values for word in (option, value)]


def _concepts() -> list[str]:
    study = tomllib.loads((DEMO_STUDY / "study.toml").read_text(encoding="utf-8"))
    return list(study["concepts"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_answers(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if requests.get(f"{url}/healthz", timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise UserError(f"the server did not answer at {url} within {START_SECONDS:g} s; see its message above")


def _former(out: Path) -> dict[str, Any] | None:
    """Read what a former run in this folder noted; None if the folder is empty.

    Raises UserError if the folder holds something else, which the demo must not touch.
    """
    noted = out / NOTE
    if noted.exists():
        former: dict[str, Any] = json.loads(noted.read_text(encoding="utf-8"))
        return former
    if any(out.iterdir()):
        raise UserError(f"{out} is not empty and holds no demo; name another folder with --out")
    return None


def _is_finished(former: dict[str, Any] | None, out: Path, participants: int) -> bool:
    """True if the former run had the same inputs and came to its end."""
    if former is None or "seconds" not in former:
        return False
    if (former["participants"], former["seed"]) == (participants, SEED):
        return True
    raise UserError(
        f"{out} holds a demo with {former['participants']} participants; "
        "name another --out, or add --force to run it again"
    )


def _note(out: Path, summary: dict[str, Any]) -> None:
    with replacing(out / NOTE, force=True) as temporary:
        temporary.write_text(json.dumps(summary), encoding="utf-8")


def _clear(out: Path, names: Iterable[str]) -> None:
    for name in names:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _print_results(out: Path) -> None:
    import pandas as pd
    from rich.console import Console

    results = pd.read_csv(out / "results.csv")
    console = Console(width=None if Console().is_terminal else 110)
    console.print(_table(results))
    lines = (*_controls(pd.read_csv(out / "results_controls.csv")), *_remarks(results))
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _table(results: pd.DataFrame) -> Table:
    from rich.table import Table

    shown = Table(title="InterpScore of each concept's unit, with its 95% interval; 0.5 is nothing")
    for name in ("Unit", "Concept", *DECIMALS):
        shown.add_column(name, justify="left" if name == "Concept" else "right")
    for row in results.to_dict("records"):
        values = {name: _decimal(row[name], digits) for name, digits in DECIMALS.items()}
        ends = "–".join(_decimal(row[f"InterpScore_{end}"], 2) for end in ("low", "high"))
        values["InterpScore"] += f" ({ends})"
        shown.add_row(str(row["Neuron"]), str(row["Concept"]), *values.values())
    return shown


def _decimal(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _controls(controls: pd.DataFrame) -> Iterator[str]:
    """What gets nothing, and how often it reaches the concept's own unit; E is turned into InterpScore."""
    own = controls[controls["Concept"] != "all"]
    means = own.groupby("Control", sort=False)[["E", "at_or_above"]].mean()
    told = [
        f"{name} {(1 + row['E']) / 2:.2f} (reaches the concept's unit {row['at_or_above']:.1%})"
        for name, row in means.iterrows()
        if not math.isnan(row["E"])
    ]
    yield f"Controls, mean InterpScore: {'; '.join(told)}. A constant unit has no score."


def _remarks(results: pd.DataFrame) -> Iterator[str]:
    from exports.report.remarks import remarks

    yield (
        "Q_perm, p_max: against shuffled pictures, one unit and the best of all; Q_ctrl: against the model's "
        "other units."
    )
    yield from remarks(results.fillna({"Notes": ""}).to_dict("records"))
    yield f"Weights: {results['weights'].iloc[0]}. Participants are simulated."


def _print_paths(out: Path) -> None:
    for title, name in (
        ("Report, open it in a browser", "report.html"),
        ("Scores", "results.csv"),
        ("Controls of the scores", "results_controls.csv"),
        ("Alignment", "alignment/report.html"),
        ("Dataset", "dataset"),
        ("Stimuli and their manifest", "stimuli"),
    ):
        click.echo(f"{title + ':':<30} {out / name}")
    click.echo(
        f"{'To go on with these data:':<30} export INTERPSCORE_DATA_DIR={shlex.quote(str(out / 'data'))}"
    )
    click.echo(f"{'Then take part yourself:':<30} python manage.py serve, http://127.0.0.1:8000/s/{STUDY}")


@click.command()
@click.option(
    "--participants",
    type=click.IntRange(1, 1000),
    default=40,
    show_default=True,
    help="How many simulated ones.",
)
@click.option("--out", type=PATH, default=Path("demo"), show_default=True, help="Folder of the results.")
@force_option
@quiet_option
@json_option
def demo(participants: int, out: Path, force: bool, quiet: bool, as_json: bool) -> None:
    """Run the whole job: pictures, study, simulated answers, activations, scores, dataset, reports.

    Everything is written to one folder. A finished demo with the same inputs is shown again and
    not run again; an unfinished one keeps its pictures and stimuli. With --force all starts over, and
    answers that were given to it since are deleted.

    \b
    Example:
      python manage.py demo --participants 40 --out demo
    """
    out = make_folder(out).resolve()
    former = _former(out)
    if force or not _is_finished(former, out, participants):
        _clear(out, (*RESULTS, *INPUTS) if force else RESULTS)
        _note(out, {"participants": participants, "seed": SEED})
        _note(out, Demo(out, participants, quiet or as_json).run())
    if as_json:
        click.echo((out / NOTE).read_text(encoding="utf-8"))
    elif not quiet:
        _print_results(out)
        _print_paths(out)
