"""The manifest: one row for each stimulus, with everything needed to trust it or to build it again.

It is kept as ``manifest.csv`` and ``manifest.parquet``, side by side and equal. Reading takes the CSV
with the standard library only, so that the server and small commands load no pandas.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stimuli.errors import UserError
from stimuli.files import refuse_to_overwrite, replacing

FORMAT_VERSION = 1
CSV_NAME, PARQUET_NAME = "manifest.csv", "manifest.parquet"


@dataclass(frozen=True)
class Stimulus:
    """One rendered image: source x condition x replicate. The fields are the manifest's columns.

    Measures are taken on the stimulus itself and, where they compare, against the clean stimulus of
    the same source. ``source_path`` contains the concept and stays with the researcher.
    """

    #: opaque identifier, 16 hexadecimal digits, unique in a manifest
    stimulus: str
    #: path of the image, relative to the manifest's folder
    image: str
    image_sha256: str
    #: opaque identifier of the picture, 12 hexadecimal digits
    source: str
    source_sha256: str
    #: path of the picture, relative to the folder of pictures
    source_path: str
    concept: str
    #: sources of one cluster are not independent (one artist's hand); a source's own id by default
    cluster: str
    perturbation: str
    severity: float
    severity_unit: str
    #: key of the condition, for example ``gaussian_noise-0.18``
    condition: str
    replicate: int
    #: seed of the random generator that made this stimulus, below 2**63
    seed: int
    #: pixels
    width: int
    height: int
    #: share of channel values at an end of the range (0 or 255)
    clipped_fraction: float
    #: standard deviation of luma, as a fraction of full scale
    rms_contrast: float
    #: mean luma, as a fraction of full scale
    mean_luminance: float
    #: peak signal-to-noise ratio in dB; NaN where nothing differs from clean, or there is no clean stimulus
    psnr_db: float
    #: structural similarity of the lumas, at most 1; NaN where there is no clean stimulus of the source
    ssim: float
    #: JSON object: how the stimulus was made
    parameters: str
    #: JSON object: the versions of the libraries that made it
    versions: str
    licence: str
    credit: str
    credit_url: str
    format_version: int = FORMAT_VERSION


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Stimulus))
#: fields carry their types as text, because annotations are not evaluated in this module
_READERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": lambda text: float(text) if text else math.nan,
}
_TYPES: dict[str, str] = {field.name: str(field.type) for field in fields(Stimulus)}


def read_manifest(path: Path) -> list[Stimulus]:
    """Read a manifest; ``path`` is its folder, its ``manifest.csv`` or its ``manifest.parquet``.

    The CSV is preferred; a Parquet file without a CSV beside it is read through pandas. Raises
    UserError for a missing file, a missing column, an unreadable value (with its row), a stimulus that
    is there twice, and another ``format_version``.
    """
    table = path if path.is_dir() else path.parent
    csv_path = path if path.suffix == ".csv" else table / CSV_NAME
    if csv_path.is_file():
        rows = _csv_rows(csv_path)
    elif (parquet_path := table / PARQUET_NAME if path.is_dir() else path).is_file():
        rows, csv_path = _parquet_rows(parquet_path), parquet_path
    else:
        raise UserError(f"there is no manifest at {path}; name a folder that `stimuli build` made")
    stimuli = [_stimulus(csv_path, number, row) for number, row in enumerate(rows, start=2)]
    _refuse_twice(csv_path, stimuli)
    return stimuli


def write_manifest(folder: Path, stimuli: Sequence[Stimulus], force: bool = False) -> None:
    """Write ``manifest.csv`` and ``manifest.parquet`` into a folder, each whole or not at all.

    NaN is an empty cell in the CSV and null in the Parquet file. Raises UserError if one exists and
    not ``force``, or if the folder cannot be written to.
    """
    for name in (CSV_NAME, PARQUET_NAME):
        refuse_to_overwrite(folder / name, force)
    with replacing(folder / PARQUET_NAME, force=force) as path:
        _write_parquet(path, stimuli)
    with replacing(folder / CSV_NAME, force=force) as path, path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_cell(getattr(row, name)) for name in COLUMNS] for row in stimuli)


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value


def _csv_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, restval="")
            _refuse_missing_columns(path, reader.fieldnames or ())
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read the manifest {path} ({error}); build it again") from error


def _parquet_rows(path: Path) -> list[dict[str, str]]:
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the manifest {path} ({error}); build it again") from error
    _refuse_missing_columns(path, list(table.columns))
    return [{name: str(_cell(row[name])) for name in COLUMNS} for row in table.to_dict("records")]


def _refuse_missing_columns(path: Path, present: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in present]
    if missing:
        raise UserError(f"{path} lacks the column {missing[0]}; build it again with `stimuli build`")


def _stimulus(path: Path, number: int, row: Mapping[str, str]) -> Stimulus:
    values: dict[str, Any] = {}
    for name in COLUMNS:
        try:
            values[name] = _READERS[_TYPES[name]](row[name])
        except ValueError as error:
            raise UserError(
                f"{path}, row {number}: {name} is {row[name]!r}, not a number; build the manifest again"
            ) from error
    if values["format_version"] != FORMAT_VERSION:
        raise UserError(
            f"{path}, row {number}: format_version is {values['format_version']}, "
            f"and this version reads {FORMAT_VERSION}; build the manifest again"
        )
    return Stimulus(**values)


def _refuse_twice(path: Path, stimuli: Sequence[Stimulus]) -> None:
    seen: set[str] = set()
    for number, row in enumerate(stimuli, start=2):
        if row.stimulus in seen:
            raise UserError(
                f"{path}, row {number}: stimulus {row.stimulus} is there twice; build the manifest again"
            )
        seen.add(row.stimulus)


def _write_parquet(path: Path, stimuli: Sequence[Stimulus]) -> None:
    import pandas as pd

    kinds = {"str": "object", "int": "int64", "float": "float64"}
    columns = {
        name: pd.Series([getattr(row, name) for row in stimuli], dtype=kinds[kind])
        for name, kind in _TYPES.items()
    }
    pd.DataFrame(columns).to_parquet(path, index=False)
