from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from scoring.activations import demo_model
from scoring.activations.model import weights_hash
from stimuli.errors import UserError

pytestmark = pytest.mark.model


def test_the_file_in_the_repository_is_small() -> None:
    assert demo_model.WEIGHTS_FILE.stat().st_size <= 5_000_000


def test_what_is_written_reads_back_in_half_precision(tmp_path: Path) -> None:
    model, path, tokens = demo_model.new_model(5), tmp_path / "m.safetensors", [7, 3, 49407]
    demo_model.write(path, model, tokens, {"seed": 5, "concepts": ["fire"]})
    small = demo_model.read(path)
    assert small.metadata == {"format_version": 1, "seed": 5, "concepts": ["fire"]}
    written, read = model.state_dict(), small.model.state_dict()
    rows = torch.zeros(len(read["token_embedding.weight"]), dtype=torch.bool)
    rows[tokens] = True
    assert not read["token_embedding.weight"][~rows].any()
    written["token_embedding.weight"][~rows] = 0
    assert all(torch.equal(read[key], value.half().float()) for key, value in written.items())


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        metadata = dict.fromkeys("abcdefgh", "x")
        demo_model.write(tmp_path / name, demo_model.new_model(5), [1, 2], metadata)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_seed_decides_the_weights() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (weights_hash(demo_model.new_model(seed).state_dict()) for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        demo_model.read(tmp_path / "none.safetensors")
    assert str(caught.value).startswith(f"cannot read the embedded model {tmp_path / 'none.safetensors'} (")
    assert str(caught.value).endswith(
        "; check the path, or train one with: python manage.py demo-model train --out FILE"
    )


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(UserError) as caught:
        demo_model.read(path)
    assert str(caught.value) == (
        f"{path} is no file of the embedded model in format 1; "
        "make one with: python manage.py demo-model train --out FILE"
    )


def test_a_file_of_another_architecture(tmp_path: Path) -> None:
    path = tmp_path / "wide.safetensors"
    ids, rows = torch.zeros(1, dtype=torch.int32), torch.zeros(1, 64)
    save_file(
        {"token_ids": ids, "token_rows": rows},
        path,
        metadata={demo_model.METADATA_KEY: '{"format_version": 1}'},
    )
    with pytest.raises(UserError) as caught:
        demo_model.read(path)
    assert str(caught.value).startswith(f"{path} does not fit interpscore-demo.json at ")
