"""Pictures over HTTP: whoever has the address sees the picture, and the address tells nothing else."""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import event, select

from experiment_server.models import Stimulus, Trial
from experiment_server.models.database import reading
from experiment_server.pictures import Pictures
from experiment_server.security import SECURITY_HEADERS
from stimuli.conditions import Condition, ConditionsFile
from stimuli.files import sha256_of_bytes
from stimuli.generate import build
from tests.functional.server_fixture import Here, Participant, ask

ADDRESS = re.compile(r"/api/v1/pictures/[0-9a-f]{128}")


@pytest.fixture
def someone(here: Here) -> Participant:
    """A participant who has consented."""
    made = here.participant()
    made.consent()
    return made


def addresses(participant: Participant) -> list[str]:
    """The addresses of a participant's pictures and masks."""
    return [address for trial in participant.trials() for address in (trial["image"], trial["mask"])]


def stored(here: Here) -> dict[str, str]:
    """SHA-256 of the picture of each trial."""
    with reading(here.engine) as connection:
        rows = connection.execute(select(Trial.public_id, Stimulus.image_sha256).join(Stimulus)).all()
    return {row.public_id: row.image_sha256 for row in rows}


def test_an_address_leads_to_the_trial_s_picture(here: Here, someone: Participant) -> None:
    known = stored(here)
    for trial in someone.trials():
        reply = here.get(trial["image"])
        assert reply.status_code == 200
        assert sha256_of_bytes(reply.data) == known[trial["trial"]]
        assert here.get(trial["mask"]).data.startswith(b"\x89PNG")


def test_a_picture_has_the_headers_of_every_reply_and_may_be_kept_by_its_browser(
    here: Here, someone: Participant
) -> None:
    address = addresses(someone)[0]
    reply = here.get(address)
    own = {"Content-Type": "image/png", "Cache-Control": "private, max-age=3600"}
    assert dict(reply.headers) == {**own, "Content-Length": str(len(reply.data)), **SECURITY_HEADERS}
    head = ask(here.app, "HEAD", address)
    assert (dict(head.headers), head.data) == (dict(reply.headers), b"")


def test_an_address_stays_and_differs_from_trial_to_trial(here: Here, someone: Participant) -> None:
    first, other = addresses(someone), here.participant("another")
    other.consent()
    assert addresses(someone) == first
    everything = [*first, *addresses(other)]
    assert all(ADDRESS.fullmatch(one) for one in everything)
    assert len(set(everything)) == len(everything)
    shas = [sha256_of_bytes(here.get(one).data) for one in everything]
    assert len(set(shas)) < len(shas)


def test_an_address_names_neither_the_picture_nor_the_trial(here: Here, someone: Participant) -> None:
    sealed = "".join(addresses(someone))
    for trial, sha256 in stored(here).items():
        for part in (trial, sha256):
            assert not any(part[start : start + 12] in sealed for start in range(len(part) - 11))


def refused(here: Here, address: str) -> bool:
    """Whether an address is refused as one that was never given out."""
    reply = here.get(address)
    return (reply.status_code, reply.json["error"]["code"]) == (404, "no_such_picture")


def test_nobody_can_make_an_address_up(here: Here, someone: Participant) -> None:
    address = addresses(someone)[0]
    sealed = address.rpartition("/")[2]
    for place in range(0, len(sealed), 7):
        digit = f"{int(sealed[place], 16) ^ 1:x}"
        assert refused(here, address.replace(sealed, sealed[:place] + digit + sealed[place + 1 :]))
    trial, sha256 = next(iter(stored(here).items()))
    others = Pictures(b"another installation's key" * 2, Path("anywhere"))
    assert refused(here, others.address(trial, sha256))
    assert refused(here, address.replace(sealed, sealed.upper()))
    assert refused(here, f"/api/v1/pictures/{sha256}")
    assert refused(here, address[:-1])
    assert refused(here, f"{address}0")


def test_no_database_is_asked_for_a_picture(here: Here, someone: Participant) -> None:
    address = addresses(someone)[0]
    begun: list[object] = []
    event.listen(here.engine, "begin", begun.append)
    assert here.get(address).status_code == 200
    assert begun == []
    someone.get("/session")
    assert len(begun) == 1


def test_a_picture_that_cannot_be_read_is_a_retryable_error(
    here: Here, someone: Participant, caplog: pytest.LogCaptureFixture
) -> None:
    trial = someone.trials()[0]
    path = here.app.extensions["interpscore"].settings.images_dir / f"{stored(here)[trial['trial']]}.png"
    away = path.rename(path.with_suffix(".away"))
    with caplog.at_level(logging.ERROR):
        reply = here.get(trial["image"])
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
    assert reply.json["error"] == {
        "code": "picture_unavailable",
        "message": "This picture cannot be shown at the moment; please try again.",
        "retryable": True,
    }
    assert caplog.messages == [
        f"cannot read the picture {path} (No such file or directory); restore it from your backup"
    ]
    away.rename(path)
    assert here.get(trial["image"]).status_code == 200


def chunks(png: bytes) -> Iterator[str]:
    """The names of a PNG's chunks."""
    place = 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        yield png[place + 4 : place + 8].decode()
        place += length + 12


def test_a_picture_s_file_says_nothing_but_its_pixels(tmp_path: Path) -> None:
    source = tmp_path / "pictures" / "sailboat"
    source.mkdir(parents=True)
    notes, exif = PngInfo(), Image.Exif()
    notes.add_text("Title", "a sailboat")
    notes.add_itxt("Description", "a sailboat at sea")
    exif[0x010E] = "sailboat"
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(source / f"sailboat {number}.png", pnginfo=notes, exif=exif)
    conditions = ConditionsFile(conditions=(Condition("clean"), Condition("contrast", 0.2)))
    build(tmp_path / "pictures", tmp_path / "out", conditions)
    made = sorted((tmp_path / "out").glob("*/*.png"))
    assert len(made) > 4
    assert {chunk for path in made for chunk in chunks(path.read_bytes())} == {"IHDR", "IDAT", "IEND"}
