"""The store of activations: one Zarr 3 group of series, each series one array of images x units.

A series is what one model (by the hash of its weights), one layer and one preprocessing gave. Its rows
are found by the SHA-256 of the image file. Rows are set aside before they are computed and are NaN
until then, and a chunk reaches the disk whole or not at all, so work that was killed goes on where it
stopped. Only one process writes to a store at a time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.errors import GroupNotFoundError

from scoring.activations.hooks import canonical_name
from stimuli.errors import UserError
from stimuli.files import make_folder

FORMAT_VERSION = 1
KIND = "interpscore activations"
#: images to a chunk: the piece that is written whole
CHUNK_ROWS = 64
HASH_BYTES = 32

Hashes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Series:
    """What all rows of one array have in common; a store tells its series apart by the first three."""

    weights_hash: str
    #: open_clip's name of the layer
    layer: str
    preprocess: str
    #: for people: which model, which weights
    model: str
    #: what the model computed in
    dtype: str
    #: side of the model's input in pixels, and what it was normalised with
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def key(self) -> str:
        """Name of the group in the store."""
        return f"{self.weights_hash[:16]}-{self.layer}-{self.preprocess}"


class ActivationStore:
    """Activations on disk, by image; see the module's docstring."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Make an empty store, or check that what is there is one; UserError if it is something else."""
        if not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir())):
            make_folder(self.path)
            attributes: dict[str, Any] = {"kind": KIND, "format_version": FORMAT_VERSION}
            zarr.open_group(self.path, mode="w", zarr_format=3, attributes=attributes)
        self._root("r")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other processes from writing while the block runs; UserError if one is at it."""
        folder = os.open(make_folder(self.path), os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise UserError(
                f"another process is writing to the store {self.path}; wait until it has ended"
            ) from error
        finally:
            os.close(folder)

    def series(self) -> list[Series]:
        """List what the store holds, in the order of the keys."""
        root = self._root("r")
        return [_series_of(root, key) for key in sorted(root.group_keys()) if _whole(root, key)]

    def reserve(self, series: Series, image_sha256s: Sequence[str], units: int) -> None:
        """Set rows aside for images that have none yet; they read as missing until they are written.

        Raises UserError if the store has a series of this key that was made otherwise (precision,
        normalisation, number of units).
        """
        group = self._open_or_create(series, units)
        held = _hex_hashes(group)
        known = set(held)
        new = [sha for sha in dict.fromkeys(image_sha256s) if sha not in known]
        if new:
            _array(group, "activations").resize((len(held) + len(new), units))
            _array(group, "image_sha256").append(_as_bytes(new))

    def write(
        self, series: Series, image_sha256s: Sequence[str], activations: npt.NDArray[np.float32]
    ) -> None:
        """Write rows (n, units) of images that were set aside by ``reserve``; NaN is refused."""
        self.writer(series).write(image_sha256s, activations)

    def writer(self, series: Series) -> SeriesWriter:
        """Give what writes to the rows that a series has now, which finds them quickly."""
        return SeriesWriter(series, self._root("r+")[series.key])

    def missing(self, series: Series, image_sha256s: Sequence[str]) -> list[str]:
        """Name the images, each once and in order, whose activations are still to be computed."""
        group = self._root("r")[series.key]
        first_unit = np.asarray(_array(group, "activations")[:, 0])
        done = {
            sha for sha, value in zip(_hex_hashes(group), first_unit, strict=False) if not np.isnan(value)
        }
        return [sha for sha in dict.fromkeys(image_sha256s) if sha not in done]

    def find(
        self, layer: str | None = None, preprocess: str | None = None, weights_hash: str | None = None
    ) -> Series:
        """Find the one series that fits what is given; UserError if there is none, or more than one."""
        wanted = {
            "layer": canonical_name(layer) if layer else None,
            "preprocess": preprocess,
            "weights_hash": weights_hash,
        }
        held = self.series()
        fit = [
            one for one in held if all(value in (None, getattr(one, key)) for key, value in wanted.items())
        ]
        if len(fit) == 1:
            return fit[0]
        asked = ", ".join(f"{key} {value}" for key, value in wanted.items() if value is not None)
        has = "; ".join(f"{one.model}, layer {one.layer}, preprocess {one.preprocess}" for one in fit or held)
        if fit:
            raise UserError(
                f"the store {self.path} holds more than one series ({has}); name the one to read with "
                "--layer, and with --preprocess or its weights if there are several of that layer"
            )
        raise UserError(
            f"the store {self.path} holds no activations of {asked or 'any image'}, but of "
            f"{has or 'nothing'}; extract them with: python manage.py activations extract"
        )

    def whole_hash(self, begin: str) -> str:
        """Find the one model whose weights' hash has this beginning; UserError if none or several have."""
        held = {one.weights_hash: one.model for one in self.series()}
        fit = [one for one in held if one.startswith(begin.lower())]
        if len(fit) == 1:
            return fit[0]
        shown = "; ".join(f"{one[:12]}, {held[one]}" for one in sorted(fit or held)) or "none"
        how_many = "more than one model" if fit else "no model"
        raise UserError(
            f"the store {self.path} holds {how_many} whose weights' hash begins with {begin!r}, of {shown}; "
            "give the first digits of one of them"
        )

    def sizes(self, series: Series) -> tuple[int, int, int]:
        """Count a series' rows, those of them that are computed, and its units."""
        group = self._root("r")[series.key]
        hashes = _hex_hashes(group)
        return (
            len(hashes),
            len(hashes) - len(self.missing(series, hashes)),
            _array(group, "activations").shape[1],
        )

    def read(
        self,
        image_sha256s: Sequence[str],
        layer: str | None = None,
        preprocess: str | None = None,
        weights_hash: str | None = None,
    ) -> npt.NDArray[np.float32]:
        """Read the activations of images, in their order; returns float32 of shape (images, units).

        What is left out (``layer``, ``preprocess``, ``weights_hash``) may be anything as long as one
        series fits. Raises UserError if none or several do, or if an image has no activations.
        """
        return self.read_series(self.find(layer, preprocess, weights_hash), image_sha256s)

    def read_series(self, series: Series, image_sha256s: Sequence[str]) -> npt.NDArray[np.float32]:
        """Read the activations of images from one series; see ``read``."""
        if absent := self.missing(series, image_sha256s):
            raise UserError(
                f"the store {self.path} lacks {len(absent)} of {len(set(image_sha256s))} images, the first "
                f"with SHA-256 {absent[0]}; extract them with: python manage.py activations extract"
            )
        group = self._root("r")[series.key]
        index = {sha: row for row, sha in enumerate(_hex_hashes(group))}
        rows = np.array([index[sha] for sha in image_sha256s], dtype=np.int64)
        return np.asarray(_array(group, "activations")[:], np.float32)[rows]

    def _root(self, mode: Any) -> Any:
        try:
            root = zarr.open_group(self.path, mode=mode, zarr_format=3)
        except (GroupNotFoundError, FileNotFoundError, NotADirectoryError) as error:
            raise UserError(
                f"{self.path} is no store of activations; name another folder, or one that is not there yet "
                "to make one with: python manage.py activations extract"
            ) from error
        if root.attrs.get("kind") != KIND or root.attrs.get("format_version") != FORMAT_VERSION:
            raise UserError(
                f"{self.path} is no store of activations in format {FORMAT_VERSION}; name another folder"
            )
        return root

    def _open_or_create(self, series: Series, units: int) -> Any:
        root = self._root("r+")
        if _whole(root, series.key):
            self._refuse_otherwise_made(root, series, units)
            return root[series.key]
        group = root.create_group(series.key, overwrite=True)
        group.create_array("image_sha256", shape=(0, HASH_BYTES), chunks=(1024, HASH_BYTES), dtype="uint8")
        group.create_array(
            "activations", shape=(0, units), chunks=(CHUNK_ROWS, units), dtype="float32", fill_value=np.nan
        )
        group.attrs.update(asdict(series))
        return group

    def _refuse_otherwise_made(self, root: Any, series: Series, units: int) -> None:
        held = _series_of(root, series.key)
        differing = [name for name, value in asdict(series).items() if getattr(held, name) != value]
        differing = [name for name in differing if name != "model"]
        if _array(root[series.key], "activations").shape[1] != units:
            differing.append("units")
        if differing:
            raise UserError(
                f"the store {self.path} holds {series.key} made with another {' and '.join(differing)}; "
                "use the same settings, or another store with --out"
            )


class SeriesWriter:
    """Writes rows of one series; see ``ActivationStore.writer``."""

    def __init__(self, series: Series, group: Any) -> None:
        self._series = series
        self._array = _array(group, "activations")
        self._rows = {sha: row for row, sha in enumerate(_hex_hashes(group))}

    def write(self, image_sha256s: Sequence[str], activations: npt.NDArray[np.float32]) -> None:
        """Write rows (n, units) of images that were set aside by ``reserve``; NaN is refused."""
        if not np.isfinite(activations).all():
            raise UserError(
                f"{self._series.model} gives values that are not finite at {self._series.layer}; "
                "its weights are damaged"
            )
        rows = np.array([self._rows[sha] for sha in image_sha256s])
        order = np.argsort(rows)
        self._array.oindex[rows[order]] = activations[order]


def _whole(root: Any, key: str) -> bool:
    """Tell whether a series is there; its attributes are written last, when its arrays are."""
    return key in root and "model" in root[key].attrs


def _series_of(root: Any, key: str) -> Series:
    held = dict(root[key].attrs)
    return Series(**{**held, "mean": tuple(held["mean"]), "std": tuple(held["std"])})


def _array(group: Any, name: str) -> Any:
    return group[name]


def _as_bytes(image_sha256s: Sequence[str]) -> Hashes:
    joined = bytes.fromhex("".join(image_sha256s))
    return np.frombuffer(joined, np.uint8).reshape(-1, HASH_BYTES)


def _hex_hashes(group: Any) -> list[str]:
    return [row.tobytes().hex() for row in np.asarray(group["image_sha256"][:])]
