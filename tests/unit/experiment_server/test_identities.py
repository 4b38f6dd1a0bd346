"""Prolific's IDs are sealed under the identity key, and opened only with it and only where they belong."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from experiment_server.services.identities import NO_KEY, PURPOSE, SEALED, Arrival, Vault
from stimuli.errors import UserError

PID = "5f3c0ffee0badcafe0000001"
SECRET = b"s" * 32
VAULT = Vault("i" * 32)
DIGEST = Arrival("prolific", PID).hmac(SECRET)

WRONG_KEY = (
    "the participants' Prolific IDs cannot be read with this identity_key; "
    "set INTERPSCORE_IDENTITY_KEY to the key that they were stored under"
)
MISSING_KEY = (
    "the participants' Prolific IDs are encrypted, and the setting identity_key is not there to "
    "read them; set INTERPSCORE_IDENTITY_KEY to the key that they were stored under"
)


def refusal(vault: Vault, stored: str, digest: str = DIGEST, column: str = "prolific_pid") -> str:
    with pytest.raises(UserError) as caught:
        vault.open(stored, digest, column)
    return str(caught.value)


def test_what_is_sealed_is_opened_again_and_says_nothing() -> None:
    first, second = (VAULT.seal(PID, DIGEST, "prolific_pid") for _ in range(2))
    assert first != second
    assert PID not in first
    assert first.startswith(SEALED)
    assert VAULT.open(first, DIGEST, "prolific_pid") == PID
    assert VAULT.open(second, DIGEST, "prolific_pid") == PID


def test_it_is_aes_gcm_under_a_key_derived_by_hkdf() -> None:
    raw = urlsafe_b64decode(VAULT.seal(PID, DIGEST, "prolific_pid").removeprefix(SEALED))
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(b"i" * 32)
    opened = AESGCM(key).decrypt(raw[:12], raw[12:], f"{DIGEST}:prolific_pid".encode())
    assert opened == PID.encode()


def test_without_a_key_an_id_is_kept_as_it_comes() -> None:
    assert NO_KEY.seal(PID, DIGEST, "prolific_pid") == PID
    assert NO_KEY.open(PID, DIGEST, "prolific_pid") == PID
    assert VAULT.open(PID, DIGEST, "prolific_pid") == PID


def test_another_key_opens_nothing() -> None:
    sealed = VAULT.seal(PID, DIGEST, "prolific_pid")
    assert refusal(Vault("j" * 32), sealed) == WRONG_KEY
    assert refusal(NO_KEY, sealed) == MISSING_KEY


def test_what_was_moved_or_changed_does_not_open() -> None:
    sealed = VAULT.seal(PID, DIGEST, "prolific_pid")
    other = Arrival("prolific", PID[::-1]).hmac(SECRET)
    raw = bytearray(urlsafe_b64decode(sealed.removeprefix(SEALED)))
    raw[-1] ^= 1
    assert refusal(VAULT, sealed, digest=other) == WRONG_KEY
    assert refusal(VAULT, sealed, column="prolific_study_id") == WRONG_KEY
    assert refusal(VAULT, SEALED + urlsafe_b64encode(raw).decode()) == WRONG_KEY
    assert refusal(VAULT, SEALED) == WRONG_KEY
    assert refusal(VAULT, SEALED + "?") == WRONG_KEY


def test_an_arrival_stores_what_its_vault_makes_of_it() -> None:
    arrival = Arrival("prolific", PID, PID[::-1], None, VAULT)
    stored = arrival.stored(DIGEST)
    assert {name: text and VAULT.open(text, DIGEST, name) for name, text in stored.items()} == {
        "prolific_pid": PID,
        "prolific_study_id": PID[::-1],
        "prolific_session_id": None,
    }
    assert Arrival("visitor", "a uuid", vault=VAULT).stored(DIGEST) == dict.fromkeys(stored)


def test_neither_ids_nor_keys_are_shown() -> None:
    shown = repr(Arrival("prolific", PID, PID[::-1], PID, VAULT))
    assert [secret for secret in (PID, PID[::-1], "iiii") if secret in shown] == []
