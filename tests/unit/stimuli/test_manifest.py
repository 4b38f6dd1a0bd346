"""The manifest reads back as it was written, from either file."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from stimuli.errors import UserError
from stimuli.manifest import COLUMNS, Stimulus, read_manifest, write_manifest

CLEAN = Stimulus(
    stimulus="0123456789abcdef",
    image="images/0123456789abcdef.png",
    image_sha256=64 * "a",
    source="0123456789ab",
    source_sha256=64 * "b",
    source_path="ice_cream/one, two.png",
    concept="ice cream",
    cluster="Anna",
    perturbation="clean",
    severity=0.0,
    severity_unit="",
    condition="clean",
    replicate=0,
    seed=2**63 - 1,
    width=288,
    height=288,
    clipped_fraction=0.1,
    rms_contrast=1 / 3,
    mean_luminance=0.5,
    psnr_db=math.nan,
    ssim=1.0,
    parameters='{"size": 288}',
    versions="{}",
    licence="CC0-1.0",
    credit="Zoë",
    credit_url="",
)
NOISY = replace(
    CLEAN,
    stimulus="fedcba9876543210",
    perturbation="gaussian_noise",
    severity=0.18,
    severity_unit="fraction of full scale",
    condition="gaussian_noise-0.18",
    psnr_db=math.pi,
)


def same(one: Stimulus, two: Stimulus) -> bool:
    """Whether two rows are equal; NaN counts as equal to NaN, which ``==`` denies."""
    return repr(one) == repr(two)


@pytest.mark.parametrize("name", [".", "manifest.csv", "manifest.parquet"])
def test_it_reads_back(tmp_path: Path, name: str) -> None:
    write_manifest(tmp_path, [CLEAN, NOISY])
    read = read_manifest(tmp_path / name)
    assert len(read) == 2
    assert same(read[0], CLEAN)
    assert same(read[1], NOISY)


def test_a_parquet_file_alone_is_enough(tmp_path: Path) -> None:
    write_manifest(tmp_path, [CLEAN, NOISY])
    (tmp_path / "manifest.csv").unlink()
    for path in (tmp_path, tmp_path / "manifest.parquet"):
        assert [same(*pair) for pair in zip(read_manifest(path), [CLEAN, NOISY], strict=True)] == [True, True]


def test_both_files_hold_the_same_table(tmp_path: Path) -> None:
    write_manifest(tmp_path, [CLEAN, NOISY])
    from_csv = pd.read_csv(tmp_path / "manifest.csv", keep_default_na=False, na_values={"psnr_db": [""]})
    from_parquet = pd.read_parquet(tmp_path / "manifest.parquet")
    assert tuple(from_csv.columns) == tuple(from_parquet.columns) == COLUMNS
    pd.testing.assert_frame_equal(from_csv, from_parquet, check_dtype=False, check_exact=True)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    write_manifest(tmp_path, [CLEAN])
    with pytest.raises(UserError) as error:
        write_manifest(tmp_path, [NOISY])
    path = tmp_path / "manifest.csv"
    assert str(error.value) == f"{path} exists already; name another output, or add --force to replace it"
    assert same(read_manifest(tmp_path)[0], CLEAN)
    write_manifest(tmp_path, [NOISY], force=True)
    assert same(read_manifest(tmp_path)[0], NOISY)


def test_a_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_manifest(tmp_path)
    assert str(error.value) == (
        f"there is no manifest at {tmp_path}; name a folder that `stimuli build` made"
    )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "image_sha256,",
            "picture_sha256,",
            " lacks the column image_sha256; build it again with `stimuli build`",
        ),
        (
            "0.18,fraction",
            "much,fraction",
            ", row 3: severity is 'much', not a number; build the manifest again",
        ),
        (
            "fedcba9876543210",
            "0123456789abcdef",
            ", row 3: stimulus 0123456789abcdef is there twice; build the manifest again",
        ),
        (
            ",1\n",
            ",2\n",
            ", row 2: format_version is 2, and this version reads 1; build the manifest again",
        ),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, before: str, after: str, message: str) -> None:
    write_manifest(tmp_path, [CLEAN, NOISY])
    path = tmp_path / "manifest.csv"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_manifest(tmp_path)
    assert str(error.value) == f"{path}{message}"


def test_a_file_that_is_not_parquet(tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    path.write_bytes(b"nonsense")
    with pytest.raises(
        UserError, match=r"^cannot read the manifest .*manifest\.parquet \(.*\); build it again$"
    ):
        read_manifest(path)
