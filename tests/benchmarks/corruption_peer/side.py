"""Talking to one side of the comparison."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tests.benchmarks.corruption_peer.environment import ROOT
from tests.reference.corruptions.twins import Pixels

#: each numerical library on one thread
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}


class Side:
    """A worker process; to be used in a ``with``."""

    def __init__(self, name: str, python: str | Path) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.process = subprocess.Popen(
            [str(python), "-m", "tests.benchmarks.corruption_peer.worker", name],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Side:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.process.terminate()
        self.process.communicate()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and read its reply."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the worker ended over {request.get('name', request['do'])}"
        reply: dict[str, Any] = json.loads(line)
        return reply

    def keep(self, key: str, image: Pixels) -> None:
        """Hand over a picture."""
        self.shapes[key] = image.shape
        pixels = base64.b64encode(image.tobytes()).decode()
        self.ask(do="picture", key=key, shape=image.shape, pixels=pixels)

    def rate(self, name: str, key: str, level: int, seconds: float) -> float:
        """Images per CPU-second; without a name, of the floor."""
        reply = self.ask(do="time" if name else "floor", name=name, key=key, level=level, seconds=seconds)
        return float(reply["images"] / reply["seconds"])

    def pixels(self, name: str, key: str, level: int) -> Pixels:
        """A picture degraded with the published draws."""
        reply = self.ask(do="pixels", name=name, key=key, level=level)
        return np.frombuffer(base64.b64decode(reply["pixels"]), np.uint8).reshape(self.shapes[key])
