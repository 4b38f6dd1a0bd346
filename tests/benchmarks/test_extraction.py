"""Extraction beside its two parts done alone: a loop that only runs the model, and one that only decodes.

The model is RN50x4 with random weights, which is as fast as with any others. What is measured is a rate,
so that some tens of stimuli on the CPU, and some thousands on CUDA, speak for a folder of any size.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from skimage import data

from scoring.activations.extract import DECODERS, decoded, default_batch_size, extract_layers
from scoring.activations.model import LoadedModel, load_model
from scoring.activations.preprocess import SQUASH, transform
from scoring.activations.store import ActivationStore
from stimuli.conditions import DEFAULT_CONDITIONS
from stimuli.files import sha256_of_bytes
from stimuli.generate import build
from stimuli.manifest import read_manifest
from tests.benchmarks.numbers_table import Numbers

MODEL = "RN50x4"
#: the last block of every stage
LAYERS = ("visual.layer1.3.act3", "visual.layer2.5.act3", "visual.layer3.9.act3", "visual.layer4.5.act3")
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "astronaut", "coffee")
TURNS = 7
#: stimuli to a turn on the CPU: turns are short, because the machine may do other work by and by
FEW = 16
#: copies of the stimuli, on CUDA
COPIES = 80

Images = dict[str, Path]
#: by what was run: images a second, a number a turn
Rates = dict[str, list[float]]


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Six photographs in all conditions, 288 pixels square: 54 files, SHA-256 -> path."""
    folder = tmp_path_factory.mktemp("stimuli")
    (folder / "pictures" / "things").mkdir(parents=True)
    for number, name in enumerate(PHOTOGRAPHS):
        left, top = 20 * number, 2 * number
        part = Image.fromarray(getattr(data, name)()).crop((left, top, left + 290, top + 290))
        part.save(folder / "pictures" / "things" / f"{number}.png")
    build(folder / "pictures", folder / "out", DEFAULT_CONDITIONS, jobs=2)
    return {row.image_sha256: folder / "out" / row.image for row in read_manifest(folder / "out")}


@pytest.fixture(scope="module")
def copies(stimuli: Images, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The stimuli many times over, in files that differ in bytes after the picture's end."""
    folder, made = tmp_path_factory.mktemp("copies"), {}
    for number in range(COPIES):
        for original in stimuli.values():
            content = original.read_bytes() + number.to_bytes(4)
            path = folder / f"{number}-{original.name}"
            path.write_bytes(content)
            made[sha256_of_bytes(content)] = path
    return made


def run_by_turns(ways: dict[str, Callable[[], object]], images: int) -> Rates:
    """Time each way once a turn, so that what else the machine does meets all of them."""
    rates: Rates = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            rates[name].append(images / (time.perf_counter() - begin))
    return rates


def forward(loaded: LoadedModel, batches: Sequence[torch.Tensor]) -> None:
    """Run batches that lie on the device already through the model, and drop what comes out."""
    with loaded.computing():
        for batch in batches:
            loaded.model.encode_image(batch)  # type: ignore[operator]
    if loaded.device.type == "cuda":
        torch.cuda.synchronize(loaded.device)


def plain_input(loaded: LoadedModel, path: Path) -> npt.NDArray[np.float32]:
    """Decode, resize and normalise one picture as anyone would."""
    with Image.open(path) as picture:
        small = picture.resize((loaded.image_size, loaded.image_size), Image.Resampling.LANCZOS).convert(
            "RGB"
        )
    pixels = np.asarray(small, np.float32).transpose(2, 0, 1) / np.float32(255)
    mean, std = (np.array(three, np.float32)[:, None, None] for three in (loaded.mean, loaded.std))
    values: npt.NDArray[np.float32] = (pixels - mean) / std
    return values


def decode(loaded: LoadedModel, images: Images) -> None:
    """Decode pictures in as many threads as extraction does, and drop what comes out."""
    threads = os.cpu_count() if loaded.device.type == "cuda" else DECODERS
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda path: plain_input(loaded, path), images.values()):
            pass


def extraction(loaded: LoadedModel, images: Images, layers: Sequence[str], folder: Path) -> None:
    """Extract to a new store."""
    store = ActivationStore(folder / f"{time.monotonic_ns()}.zarr")
    done = extract_layers(images, loaded, layers, SQUASH, store)
    assert {one.computed for one in done} == {len(images)}


def rates_of(loaded: LoadedModel, images: Images, folder: Path) -> Rates:
    """Rates of extraction, of its two parts alone, and of extraction of four layers at once."""
    size = default_batch_size(loaded)
    batches = [
        loaded.to_device(one) for _, one in decoded(images, list(images), transform(loaded, SQUASH), size)
    ]
    forward(loaded, batches[:2])
    return run_by_turns(
        {
            "extract": lambda: extraction(loaded, images, LAYERS[-1:], folder),
            "forward": lambda: forward(loaded, batches),
            "decode": lambda: decode(loaded, images),
            "four layers": lambda: extraction(loaded, images, LAYERS, folder),
        },
        len(images),
    )


def report(numbers: Numbers, where: str, rates: Rates) -> None:
    """Note the rates, and their ratios turn by turn."""
    bounds = [min(pair) for pair in zip(rates["forward"], rates["decode"], strict=True)]
    ratio = median(ours / bound for ours, bound in zip(rates["extract"], bounds, strict=True))
    layers = median(four / one for four, one in zip(rates["four layers"], rates["extract"], strict=True))
    middle = {name: f"{median(values):.3g} images/s" for name, values in rates.items()}
    numbers.add("extraction of a layer", where, middle["extract"])
    numbers.add("  a loop that only runs the model", where, middle["forward"])
    numbers.add("  a loop that only decodes", where, middle["decode"])
    numbers.add("  extraction / the slower loop", where, f"{ratio:.2f}", ">= 0.9")
    numbers.add("  four layers / one layer", where, f"{layers:.2f}")


def test_extraction_on_the_cpu(stimuli: Images, tmp_path: Path, numbers: Numbers) -> None:
    loaded = load_model(MODEL, device="cpu")
    few = dict(list(stimuli.items())[:: len(stimuli) // FEW][:FEW])
    where = f"{MODEL}, CPU, {torch.get_num_threads()} threads, {len(few)} images"
    report(numbers, where, rates_of(loaded, few, tmp_path))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_extraction_on_cuda(dtype: torch.dtype, copies: Images, tmp_path: Path, numbers: Numbers) -> None:
    loaded = replace(load_model(MODEL, device="cuda"), dtype=dtype)
    where = f"{MODEL}, {torch.cuda.get_device_name()}, {dtype}, {len(copies)} images"
    report(numbers, where, rates_of(loaded, copies, tmp_path))
