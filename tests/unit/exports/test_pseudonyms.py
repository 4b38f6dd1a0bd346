from __future__ import annotations

import pytest

from exports.pseudonyms import Redactor, refuse_leak, session_label
from stimuli.errors import UserError

PID = "5f1e0a2b3c4d5e6f7a8b9c0d"


def test_known_identifiers_and_whatever_looks_like_one_are_removed() -> None:
    redact = Redactor([PID, "sub.mission-1"])
    assert redact(f"I am {PID.upper()}!") == "I am [removed]!"
    assert redact("sub.mission-1, subXmission-1") == "[removed], subXmission-1"
    assert Redactor([])("other 60a1b2c3d4e5f60718293a4b here") == "other [removed] here"


@pytest.mark.parametrize("between", ["", "'", "\u2019", "\u00ad", "\u200b", "\u2060", "\u0301"])
@pytest.mark.parametrize("known", [[PID], []], ids=["known", "unknown"])
def test_a_disguised_identifier_is_removed(known: list[str], between: str) -> None:
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in PID[12:])
    for disguised in (PID[:12] + between + PID[12:], PID[:12] + between + wide.upper()):
        assert Redactor(known)(f"caf\u00e9 {disguised}, I\u00adm") == "caf\u00e9 [removed], I\u00adm"


def test_a_known_identifier_is_removed_whatever_stands_between() -> None:
    redact = Redactor([PID])
    assert redact(f"it is {'-'.join(PID)}.") == "it is [removed]."
    assert redact(f"{PID[:9]} {PID[9:]}s") == "[removed]s"
    other = "60a1b2c3d4e5f60718293a4b"
    assert redact(f"{other[:9]} {other[9:]}") == f"{other[:9]} {other[9:]}"


def test_json_is_redacted_text_by_text() -> None:
    value = {"most": [PID[:12], PID[12:]], PID: {"said": f"{PID} \u201c"}, "times": 3}
    assert Redactor([PID]).json(value) == (
        f'{{"most": ["{PID[:12]}", "{PID[12:]}"], "[removed]": {{"said": "[removed] \u201c"}}, "times": 3}}'
    )


def test_checksums_and_words_stay() -> None:
    checksum = PID + PID + PID[:16]
    assert Redactor([])(f"{checksum} sailboat") == f"{checksum} sailboat"


def test_the_longer_of_two_identifiers_is_removed_whole() -> None:
    assert Redactor(["abcdef", "abcdef-123"])("abcdef-123") == "[removed]"


def test_sessions_are_numbered() -> None:
    assert session_label("P-0a1b2c3d", 1) == "P-0a1b2c3d-1"


def test_a_leak_is_refused_without_being_repeated() -> None:
    refuse_leak([("a.csv", b"nothing")], [PID])
    with pytest.raises(UserError) as error:
        refuse_leak([("a.csv", b"nothing"), ("b.csv", PID.upper().encode())], [PID])
    assert str(error.value) == (
        "b.csv would contain a participant's identifier, so nothing was written; look for it in the study's "
        "title, texts and file names"
    )
    assert PID not in str(error.value)
