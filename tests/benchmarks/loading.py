"""Running the load client against a server, and what it reports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiment_server.settings import Settings
from tests.functional.server_fixture import SECRET

CLIENT = Path(__file__).with_name("load_client.py")
#: more than a benchmark asks for: everybody in it comes from one address
UNLIMITED = 1_000_000


def settings_for_load(data_dir: Path, database_url: str) -> Settings:
    """Settings that let one machine play all participants."""
    return Settings.model_validate(
        {
            "data_dir": data_dir,
            "database_url": database_url,
            "secret_key": SECRET,
            "requests_per_minute": UNLIMITED,
            "arrivals_per_minute": UNLIMITED,
        }
    )


def load(mode: str, *arguments: str, watch: Mapping[str, int], **options: float) -> dict[str, Any]:
    """Run the client; ``watch`` names processes whose CPU time and memory it reports."""
    named = [f"--{name}={value}" for name, value in options.items()]
    watched = [f"--watch={name}={pid}" for name, pid in watch.items()]
    command = [sys.executable, str(CLIENT), mode, *arguments, *named, *watched]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def database_process(url: str) -> dict[str, int]:
    """The PostgreSQL server that holds a database of ours, by the folder in its address; none for SQLite."""
    if url.startswith("sqlite"):
        return {}
    folder = url.partition("host=")[2].partition("&")[0]
    return {"database": int((Path(folder) / "postmaster.pid").read_text().split()[0])}
