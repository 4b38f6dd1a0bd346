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
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Engine, insert, select, text, update

from experiment_server.models import Base, Identity, Session, Study
from experiment_server.models.database import reading, writing
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
#: a SQLite file's user_version while plain IDs may be left in its unused space; otherwise it is 0
TO_WRITE_ANEW = 1

_TABLE = Base.metadata.tables[Identity.__tablename__]
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
    """Seal the IDs that were stored before there was an identity key; returns how many participants had any.

    All of them or none; again, it finds nothing to do. Nothing of them is left in the unused space of the
    database's files. Raises UserError, and seals nothing, if IDs are sealed already and this key, or none,
    does not open them.
    """
    with reading(engine) as connection:
        found = _with_plain_ids(connection, vault)
    if vault.identity_key is None:
        return 0
    if engine.dialect.name == "postgresql":
        return _seal_on_postgres(engine, vault) if found else 0
    sealed = _seal_on_sqlite(engine, vault) if found else 0
    _write_file_anew(engine)
    return sealed


def _with_plain_ids(connection: Connection, vault: Vault) -> list[dict[str, Any]]:
    """The identities that are not sealed, once all others were opened. Raises UserError if one is not."""
    rows = [dict(row) for row in connection.execute(select(_TABLE)).mappings()]
    for row in rows:
        for name in COLUMNS:
            if row[name] is not None:
                vault.open(row[name], row["hmac"], name)
    return [row for row in rows if _plain(row)]


def _plain(row: dict[str, Any]) -> dict[str, str]:
    return {name: row[name] for name in COLUMNS if row[name] is not None and not row[name].startswith(SEALED)}


def _seal(row: dict[str, Any], vault: Vault) -> dict[str, Any]:
    return {**row, **{name: vault.seal(text, row["hmac"], name) for name, text in _plain(row).items()}}


def _seal_on_postgres(engine: Engine, vault: Vault) -> int:
    """Fill the table anew: TRUNCATE gives it another file, and the commit removes the old one.

    The studies, which the new rows refer to, are locked first, as by everybody who arrives.
    """
    with writing(engine) as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(select(Study.id).order_by(Study.id).with_for_update(read=True, key_share=True))
        connection.execute(text("LOCK TABLE identity IN ACCESS EXCLUSIVE MODE"))
        found = _with_plain_ids(connection, vault)
        if found:
            rows = [_seal(dict(row), vault) for row in connection.execute(select(_TABLE)).mappings()]
            connection.execute(text("TRUNCATE identity"))
            connection.execute(insert(_TABLE), rows)
    return len(found)


def _seal_on_sqlite(engine: Engine, vault: Vault) -> int:
    """Overwrite the IDs, and note in the file that it is to be written anew."""
    with writing(engine) as connection:
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
        found = _with_plain_ids(connection, vault)
        for row in found:
            at = Identity.participant_id == row["participant_id"]
            connection.execute(update(_TABLE).where(at).values(_seal(row, vault)))
        connection.exec_driver_sql(f"PRAGMA user_version = {TO_WRITE_ANEW}")
    return len(found)


def _write_file_anew(engine: Engine) -> None:
    """Write a SQLite file anew if sealing noted so: what was in its unused space, and in its log, is gone.

    The note stays until that is done, so that after a kill or a failure the next start does it.
    """
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        if cursor.execute("PRAGMA user_version").fetchone()[0] != TO_WRITE_ANEW:
            return
        cursor.execute("VACUUM")
        busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not busy:
            cursor.execute("PRAGMA user_version = 0")
    finally:
        raw.close()
