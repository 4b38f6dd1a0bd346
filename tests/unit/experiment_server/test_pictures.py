"""The files that a server process keeps at hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from experiment_server.pictures import FilesAtHand


def written(folder: Path, sizes: list[int]) -> list[str]:
    """Files of these sizes, each full of its own number."""
    paths = [folder / str(number) for number in range(len(sizes))]
    for number, path in enumerate(paths):
        path.write_bytes(sizes[number] * bytes([number]))
    return [str(path) for path in paths]


def kept(files: FilesAtHand, paths: list[str]) -> list[int]:
    """Which files are read although they are gone; asking does not change which were read last."""
    found = []
    for number, path in enumerate(paths):
        Path(path).unlink(missing_ok=True)
        try:
            files.read(path)
        except FileNotFoundError:
            continue
        found.append(number)
    return found


def test_the_files_read_last_are_kept(tmp_path: Path) -> None:
    files, paths = FilesAtHand(30), written(tmp_path, [10, 10, 10, 10])
    for path in (*paths[:3], paths[0], paths[3]):
        files.read(path)
    assert kept(files, paths) == [0, 2, 3]


def test_a_file_that_is_too_large_is_read_and_not_kept(tmp_path: Path) -> None:
    files, paths = FilesAtHand(30), written(tmp_path, [31])
    assert files.read(paths[0]) == 31 * b"\0"
    assert kept(files, paths) == []


def test_a_file_that_is_not_there_is_an_error_each_time(tmp_path: Path) -> None:
    files = FilesAtHand(30)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            files.read(str(tmp_path / "nothing"))


def test_many_threads_get_the_right_bytes_and_never_keep_too_many(tmp_path: Path) -> None:
    sizes = [Random(7).randrange(1, 40) for _ in range(20)]
    files, paths = FilesAtHand(100), written(tmp_path, sizes)

    def read_many(seed: int) -> None:
        rng = Random(seed)
        for _ in range(500):
            number = rng.randrange(len(paths))
            assert files.read(paths[number]) == sizes[number] * bytes([number])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_many, range(8)))
    assert sum(sizes[number] for number in kept(files, paths)) <= 100
