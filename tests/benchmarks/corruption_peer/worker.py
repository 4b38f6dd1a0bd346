"""One side of the comparison, in a process of its own, on one thread: ours, or imagecorruptions.

    python -m tests.benchmarks.corruption_peer.worker ours|imagecorruptions

Reads a JSON object a line and answers with one: ``picture`` keeps a picture under a key; ``time`` degrades
it over and over for some CPU-seconds and tells how many it made; ``pixels`` degrades it once with the
published draws (seed 0); ``floor`` is ``time`` for what any operator on floats must at least do. A level is
the number of one of the family's levels, from 1.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import cv2
import numpy as np

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
#: (name, level, with the published draws) -> operator
Operators = Callable[[str, int, bool], Callable[[Pixels], Pixels]]


def ours() -> Operators:
    """The operators of this project, as ``apply`` runs them."""
    from stimuli.corruptions import apply
    from stimuli.perturbations import PERTURBATIONS

    def operators(name: str, level: int, published: bool) -> Callable[[Pixels], Pixels]:
        severity = PERTURBATIONS[name].levels[level - 1]
        rng = np.random.RandomState(0) if published else np.random.default_rng(0)
        return lambda image: apply(name, image, severity, rng)

    return operators


def imagecorruptions() -> Operators:
    """The operators of imagecorruptions, as its ``corrupt`` runs them."""
    from tests.benchmarks.corruption_peer.shim import load

    package = load()

    def operators(name: str, level: int, published: bool) -> Callable[[Pixels], Pixels]:
        if published:
            np.random.seed(0)  # noqa: NPY002
        return lambda image: package.corrupt(image, severity=level, corruption_name=name)

    return operators


def floor(image: Pixels) -> Pixels:
    """To float32, scaled, clipped, and back."""
    values = image.astype(np.float32)
    values *= np.float32(0.5)
    np.clip(values, 0, 255, out=values)
    return values.astype(np.uint8)


def timed(operator: Callable[[Pixels], Pixels], image: Pixels, seconds: float) -> dict[str, Any]:
    """Degrade a picture for so many CPU-seconds, once at least."""
    images, began = 0, time.process_time()
    while not images or time.process_time() - began < seconds:
        operator(image)
        images += 1
    return {"images": images, "seconds": time.process_time() - began}


def answer(request: dict[str, Any], pictures: dict[str, Pixels], operators: Operators) -> dict[str, Any]:
    """Do what a request asks for."""
    if request["do"] == "picture":
        flat = np.frombuffer(base64.b64decode(request["pixels"]), np.uint8)
        pictures[request["key"]] = flat.reshape(request["shape"])
        return {}
    image = pictures[request["key"]]
    if request["do"] == "floor":
        return timed(floor, image, request["seconds"])
    operator = operators(request["name"], request["level"], request["do"] == "pixels")
    if request["do"] == "pixels":
        return {"pixels": base64.b64encode(operator(image).tobytes()).decode()}
    return timed(operator, image, request["seconds"])


def settle_allocator() -> None:
    """Free a large block: glibc then keeps freed memory, whatever sizes came before.

    Otherwise the first pictures' arrays are given back to the system after every step, and are slower for it
    than larger ones later on.
    """
    np.ones(31 << 20, np.uint8)


def serve(side: str, replies: TextIO) -> None:
    """Answer requests until there are no more."""
    cv2.setNumThreads(1)
    settle_allocator()
    operators = {"ours": ours, "imagecorruptions": imagecorruptions}[side]()
    pictures: dict[str, Pixels] = {}
    for line in sys.stdin:
        replies.write(json.dumps(answer(json.loads(line), pictures, operators)) + "\n")
        replies.flush()


if __name__ == "__main__":
    # what a library prints must not get between the replies
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.argv[1], own)
