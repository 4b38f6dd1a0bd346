"""Putting several builds into one folder: degraded pictures, attacked ones, dreams."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from stimuli.build_folder import BUILD_NAME, IMAGE_NAME, is_whole, write_json
from stimuli.errors import UserError
from stimuli.files import make_folder, sha256_of_bytes
from stimuli.manifest import FORMAT_VERSION, Stimulus, read_manifest, write_manifest
from stimuli.pictures import RECIPE


def merge(builds: Sequence[Path], out: Path) -> list[Stimulus]:
    """Write the stimuli of several builds into a new folder; return its manifest's rows.

    Rows come in the order of the builds; a stimulus that two builds share is taken once. Images are copied;
    the masks are those of the first build that has some. ``out`` appears whole or not at all. Raises
    UserError if ``out`` is there already, if an image is missing or altered, if a stimulus is another picture
    in another build, or if stimuli differ in size, in how a condition was made, or in what a picture shows.
    """
    if out.exists():
        raise UserError(f"{out} exists already; name a folder that is not there yet")
    found: dict[str, tuple[Path, Stimulus]] = {}
    said: dict[str, tuple[Path, str]] = {}
    for build in builds:
        for row in read_manifest(build):
            _refuse_other(build, row, found)
            _refuse_contradiction(build, row, said)
            found.setdefault(row.stimulus, (build, row))
    make_folder(out.parent)
    unfinished = out.with_name(f".{out.name}-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _fill(unfinished, builds, list(found.values()))
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return [row for _, row in found.values()]


def _refuse_other(build: Path, row: Stimulus, found: dict[str, tuple[Path, Stimulus]]) -> None:
    """Refuse a stimulus that is not the one that was found before, and one of another size."""
    first, known = next(iter(found.values()), (build, row))
    if (row.width, row.height) != (known.width, known.height):
        raise UserError(
            f"stimuli of {build} are {row.width} x {row.height} pixels and those of {first} "
            f"{known.width} x {known.height}; build them at one size"
        )
    before, same = found.get(row.stimulus, (build, row))
    if same.image_sha256 != row.image_sha256:
        raise UserError(
            f"stimulus {row.stimulus} ({row.source_path}, {row.condition}) is another picture in {build} "
            f"than in {before}; build both with one seed, one version and the same options"
        )


def _refuse_contradiction(build: Path, row: Stimulus, said: dict[str, tuple[Path, str]]) -> None:
    """Refuse one condition made in two ways, and one picture that shows two concepts."""
    facts = {
        f"condition {row.condition}": _recipe(row),
        f"source {row.source}": f"a picture of {row.concept}",
    }
    for what, fact in facts.items():
        before, known = said.setdefault(what, (build, fact))
        if known != fact:
            raise UserError(f"{what} is {fact} in {build} and {known} in {before}; build both in one way")


def _recipe(row: Stimulus) -> str:
    """What must be the same for all stimuli of a condition: how pictures were made ready and degraded."""
    made: dict[str, Any] = json.loads(row.parameters)
    told = [f"{name} {made[name]}" for name in (*RECIPE, "light", "draws", "match") if name in made]
    return "made with " + ", ".join(told)


def _fill(out: Path, builds: Sequence[Path], rows: Sequence[tuple[Path, Stimulus]]) -> None:
    make_folder(out / "images")
    for build, row in rows:
        _copy_image(build, out, row)
    masks = next((build / "masks" for build in builds if (build / "masks").is_dir()), None)
    if masks is not None:
        shutil.copytree(masks, out / "masks")
    write_manifest(out, [row for _, row in rows])
    write_json(out / BUILD_NAME, _record(builds))


def _copy_image(build: Path, out: Path, row: Stimulus) -> None:
    if not fnmatch(row.image, f"images/{IMAGE_NAME}"):
        raise UserError(f"the image {build / row.image} has a name that no build gives; build it again")
    if not is_whole(build, row):
        raise UserError(f"{build / row.image} is missing or was altered; build it again")
    shutil.copyfile(build / row.image, out / row.image)


def _record(builds: Sequence[Path]) -> dict[str, Any]:
    """What the merged folder was made of: each build's own record, without its name."""
    records = [_build_record(build) for build in builds]
    whole = sha256_of_bytes(json.dumps(records, sort_keys=True).encode())
    return {
        "format_version": FORMAT_VERSION,
        "kind": "merge",
        "merged": records,
        "inputs_sha256": whole,
    }


def _build_record(build: Path) -> object:
    try:
        return json.loads((build / BUILD_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {build / BUILD_NAME} ({error}); build it again") from error
