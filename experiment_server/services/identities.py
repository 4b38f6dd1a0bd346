"""Identities: who a participant is. The only code that reads or writes Prolific's IDs.

An identity is looked up by a keyed hash. Where the installation has an identity key, the IDs themselves
are stored sealed: AES-256-GCM (NIST SP 800-38D) under a key derived from it by HKDF (RFC 5869), bound to
the identity's hash and to the column, so that a sealed ID that was moved elsewhere does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Engine, insert, select, update

from experiment_server.models import Identity, Session
from experiment_server.models.database import writing
from experiment_server.settings import Settings
from stimuli.errors import UserError

#: the columns that hold an ID of Prolific's
COLUMNS = ("prolific_pid", "prolific_study_id", "prolific_session_id")
#: how a sealed ID begins
SEALED = "sealed1:"
PURPOSE = b"interpscore: Prolific's IDs, version 1"
#: bytes of the random number that each sealing uses once
NONCE_BYTES = 12
#: bytes of the derived key: AES-256
KEY_BYTES = 32

_IDS = [getattr(Identity, name) for name in COLUMNS]


@dataclass(frozen=True)
class Vault:
    """Seals and opens IDs under the identity key; without one (None) they are kept as they come."""

    identity_key: str | None = field(default=None, repr=False)

    def seal(self, text: str, digest: str, column: str) -> str:
        """What is stored of an ID in a column of the identity with this keyed hash."""
        if self.identity_key is None:
            return text
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = _cipher(self.identity_key).encrypt(nonce, text.encode(), _place(digest, column))
        return SEALED + urlsafe_b64encode(nonce + sealed).decode()

    def open(self, stored: str, digest: str, column: str) -> str:
        """The ID that ``seal`` was given. Raises UserError if it was sealed under another key."""
        if not stored.startswith(SEALED):
            return stored
        if self.identity_key is None:
            raise UserError(
                "the participants' Prolific IDs are encrypted, and the setting identity_key is not there to "
                "read them; set INTERPSCORE_IDENTITY_KEY to the key that they were stored under"
            )
        try:
            raw = urlsafe_b64decode(stored.removeprefix(SEALED))
            nonce, sealed = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
            return _cipher(self.identity_key).decrypt(nonce, sealed, _place(digest, column)).decode()
        except (InvalidTag, ValueError) as error:
            raise UserError(
                "the participants' Prolific IDs cannot be read with this identity_key; "
                "set INTERPSCORE_IDENTITY_KEY to the key that they were stored under"
            ) from error


#: of an installation without an identity key
NO_KEY = Vault()


def vault_of(settings: Settings) -> Vault:
    """The vault of an installation."""
    key = settings.identity_key
    return Vault(None if key is None else key.get_secret_value())


@lru_cache(maxsize=4)
def _cipher(identity_key: str) -> AESGCM:
    """The cipher under the key that is derived from this one."""
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE)
    return AESGCM(derived.derive(identity_key.encode()))


def _place(digest: str, column: str) -> bytes:
    return f"{digest}:{column}".encode()


@dataclass(frozen=True)
class Arrival:
    """Who arrives: a Prolific ID, or the UUID that a visitor's browser keeps; and what keeps the former."""

    kind: str
    identifier: str = field(repr=False)
    prolific_study_id: str | None = field(default=None, repr=False)
    prolific_session_id: str | None = field(default=None, repr=False)
    vault: Vault = NO_KEY

    def hmac(self, key: bytes) -> str:
        """The keyed hash that an identity is looked up by."""
        return hmac.new(key, f"{self.kind}:{self.identifier}".encode(), hashlib.sha256).hexdigest()

    def stored(self, digest: str) -> dict[str, str | None]:
        """What the database keeps of Prolific's IDs, by column."""
        pid = self.identifier if self.kind == "prolific" else None
        ids = zip(COLUMNS, (pid, self.prolific_study_id, self.prolific_session_id), strict=True)
        return {name: None if text is None else self.vault.seal(text, digest, name) for name, text in ids}


def session_of(connection: Connection, study_id: int, digest: str) -> str | None:
    """The session of the identity with this keyed hash; None if it has none in this study."""
    statement = (
        select(Session.id)
        .join(Identity, Identity.participant_id == Session.participant_id)
        .where(Identity.study_id == study_id, Identity.hmac == digest)
    )
    return connection.execute(statement).scalar_one_or_none()


def add(connection: Connection, participant_id: int, study_id: int, digest: str, arrival: Arrival) -> None:
    """Store who a new participant is."""
    values = {"participant_id": participant_id, "study_id": study_id, "hmac": digest}
    connection.execute(insert(Identity).values({**values, **arrival.stored(digest)}))


def prolific_ids(connection: Connection, study_id: int, vault: Vault) -> Iterator[str]:
    """Every ID of Prolific's that a study knows. Raises UserError if they cannot be read with this key."""
    statement = select(Identity.hmac, *_IDS).where(Identity.study_id == study_id)
    for digest, *ids in connection.execute(statement):
        for column, stored in zip(COLUMNS, ids, strict=True):
            if stored is not None:
                yield vault.open(stored, digest, column)


def seal_all(engine: Engine, vault: Vault) -> int:
    """Seal the IDs that were stored before there was an identity key; returns how many participants have any.

    All of them or none; again, it finds nothing to do. The file of the database, or the table, is then
    written anew, so that nothing of them is left in its unused space.
    """
    if vault.identity_key is None:
        return 0
    with writing(engine) as connection:
        count = sum(_seal_row(connection, vault, *row) for row in _with_plain_ids(connection))
    if count:
        _write_anew(engine)
    return count


def _with_plain_ids(connection: Connection) -> list[tuple[int, str, dict[str, str]]]:
    statement = select(Identity.participant_id, Identity.hmac, *_IDS).with_for_update()
    rows = [(key, digest, _plain(ids)) for key, digest, *ids in connection.execute(statement)]
    return [row for row in rows if row[2]]


def _plain(ids: list[str | None]) -> dict[str, str]:
    return {
        name: text
        for name, text in zip(COLUMNS, ids, strict=True)
        if text is not None and not text.startswith(SEALED)
    }


def _seal_row(connection: Connection, vault: Vault, key: int, digest: str, plain: dict[str, str]) -> bool:
    sealed = {name: vault.seal(text, digest, name) for name, text in plain.items()}
    connection.execute(update(Identity).where(Identity.participant_id == key).values(sealed))
    return True


def _write_anew(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM FULL identity")
        return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()
