"""What an outsider, a curious participant and a stolen disk cannot do, on each backend."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
from sqlalchemy import Engine, event, select
from sqlalchemy.engine import make_url

from experiment_server.migrations import schema
from experiment_server.models import Base, Caller, Identity, Participant, database
from experiment_server.models.database import connect, explaining, reading, writing
from experiment_server.services import identities
from experiment_server.services.arrivals import network
from experiment_server.services.identities import COLUMNS, SEALED, Vault, seal_all, vault_of
from experiment_server.settings import Settings
from exports.pseudonyms import secrets_of
from stimuli.errors import UserError
from tests.functional.server_fixture import (
    ROOT,
    Clock,
    Here,
    Reply,
    ask,
    create_from,
    create_study,
    environment,
    new_postgres_database,
    pid,
    running_server,
    served_here,
)
from tests.functional.study_files import STUDY_TOML

PIDS = {name: f"5f3c0ffee0badcafe000000{number}" for number, name in enumerate(COLUMNS)}
IDENTITY_KEY = "i" * 40


def changed(settings: Settings, **changes: Any) -> Settings:
    return Settings.model_validate({**settings.model_dump(exclude_unset=True), **changes})


@contextmanager
def served(settings: Settings, clock: Clock, study: Path) -> Iterator[Here]:
    create_from(settings, study)
    with served_here(settings, clock) as here:
        yield here


def arrive(here: Here, name: str, address: str = "192.0.2.1", **headers: str) -> Reply:
    return ask(
        here.app,
        "POST",
        "/studies/small/sessions",
        json={"prolific_pid": pid(name)},
        headers={key.replace("_", "-"): value for key, value in headers.items()},
        environ_overrides={"REMOTE_ADDR": address},
    )


def everything(here: Here) -> str:
    return every_row(here.engine)


def every_row(engine: Engine) -> str:
    with reading(engine) as connection:
        return repr([connection.execute(select(table)).all() for table in Base.metadata.sorted_tables])


# Prolific's IDs


def test_with_an_identity_key_no_id_is_readable_and_everything_works(
    settings: Settings, clock: Clock, small_study: Path
) -> None:
    with served(changed(settings, identity_key=IDENTITY_KEY), clock, small_study) as here:
        assert here.post("/studies/small/sessions", PIDS).status_code == 201
        assert [value for value in PIDS.values() if value in everything(here)] == []
        assert here.post("/studies/small/sessions", PIDS).status_code == 200
        with reading(here.engine) as connection:
            row = connection.execute(select(*[getattr(Identity, name) for name in COLUMNS])).one()
        assert all(value.startswith(SEALED) for value in row)
        with reading(here.engine) as connection:
            found = secrets_of(connection, 1, Vault(IDENTITY_KEY))
        assert [value for value in PIDS.values() if value not in found] == []


def test_another_key_or_none_stops_no_participant(
    settings: Settings, clock: Clock, small_study: Path
) -> None:
    with served(changed(settings, identity_key=IDENTITY_KEY), clock, small_study) as here:
        here.post("/studies/small/sessions", PIDS)
    for number, other in enumerate([settings, changed(settings, identity_key="j" * 40)]):
        with served_here(other, clock) as here:
            assert here.post("/studies/small/sessions", PIDS).status_code == 200
            assert arrive(here, f"new {number}").status_code == 201


def test_ids_from_before_the_key_are_sealed_at_once(
    settings: Settings, clock: Clock, small_study: Path
) -> None:
    sealing = changed(settings, identity_key=IDENTITY_KEY)
    with served(settings, clock, small_study) as here:
        here.post("/studies/small/sessions", PIDS)
        arrive(here, "another")
        here.post("/studies/small/sessions", {"visitor": "6d1f5a90-0000-4000-8000-000000000000"})
        assert PIDS["prolific_pid"] in everything(here)
        assert seal_all(here.engine, vault_of(settings)) == 0
        assert seal_all(here.engine, vault_of(sealing)) == 2
        assert seal_all(here.engine, vault_of(sealing)) == 0
        assert [value for value in (*PIDS.values(), pid("another")) if value in everything(here)] == []
        with reading(here.engine) as connection:
            assert {*PIDS.values(), pid("another")} <= set(secrets_of(connection, 1, vault_of(sealing)))
    with served_here(sealing, clock) as here:
        assert here.post("/studies/small/sessions", PIDS).status_code == 200


class FailingVault(Vault):
    """Seals one identity and then no more."""

    def seal(self, text: str, digest: str, column: str) -> str:
        if text == pid("another"):
            raise UserError("no more")
        return super().seal(text, digest, column)


def test_sealing_is_all_or_nothing(settings: Settings, clock: Clock, small_study: Path) -> None:
    with served(settings, clock, small_study) as here:
        arrive(here, "one")
        arrive(here, "another")
        with pytest.raises(UserError, match="no more"):
            seal_all(here.engine, FailingVault(IDENTITY_KEY))
        assert SEALED not in everything(here)


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    """The SQLite database in the data directory."""
    return Settings.model_validate({"data_dir": tmp_path / "data", "secret_key": "k" * 40})


def manage(settings: Settings, *arguments: str, umask: int = -1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        cwd=settings.data_dir.parent,
        env=environment(settings),
        umask=umask,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_sealing_leaves_nothing_in_the_files(embedded: Settings, clock: Clock, tmp_path: Path) -> None:
    people = [f"person {number}" for number in range(40)]
    create_study(embedded, tmp_path, STUDY_TOML.replace("places = 20", "places = 99"))
    with served_here(embedded, clock) as here:
        here.post("/studies/small/sessions", PIDS)
        assert {arrive(here, name).status_code for name in people} == {201}
    ids = [*PIDS.values(), *map(pid, people)]
    assert [value for value in ids if not holding(embedded, value)] == []
    engine = connect(embedded)
    event.listen(engine, "connect", keep_what_is_deleted)
    assert seal_all(engine, Vault(IDENTITY_KEY)) == len(people) + 1
    engine.dispose()
    assert [name for value in ids for name in holding(embedded, value)] == []


def test_a_sqlite_file_that_could_not_be_written_anew_is_at_the_next_start(
    embedded: Settings, clock: Clock, tmp_path: Path
) -> None:
    engine, ids = embedded_with_people(embedded, clock, tmp_path)
    leave_in_unused_space(engine, "an ID that was deleted")
    ids.append("an ID that was deleted")
    with failing(engine, "VACUUM"), pytest.raises(UserError) as caught, explaining(embedded):
        seal_all(engine, Vault(IDENTITY_KEY))
    assert str(caught.value) == refusal(embedded, "database is locked")
    assert [value for value in ids if value in every_row(engine)] == []
    assert holding(embedded, "an ID that was deleted") != []
    assert seal_all(engine, Vault(IDENTITY_KEY)) == 0
    engine.dispose()
    assert [name for value in ids for name in holding(embedded, value)] == []


def leave_in_unused_space(engine: Engine, value: str) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE gone (value TEXT)")
        connection.exec_driver_sql("INSERT INTO gone VALUES (?)", (value,))
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TABLE gone")


def refusal(settings: Settings, reason: str) -> str:
    where = make_url(settings.url).render_as_string()
    return (
        f"the database {where} does not answer ({reason}); something else is using it; try again in a moment"
    )


def test_sealing_overwrites_ids_in_the_same_transaction(
    embedded: Settings, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, ids = embedded_with_people(embedded, clock, tmp_path)
    monkeypatch.setattr(identities, "_write_file_anew", lambda _engine: None)
    seal_all(engine, Vault(IDENTITY_KEY))
    engine.dispose()
    assert [name for value in ids for name in holding(embedded, value)] == []


def embedded_with_people(settings: Settings, clock: Clock, folder: Path) -> tuple[Engine, list[str]]:
    """An engine that keeps what it deletes, on a database with participants; and their plain IDs."""
    people = [f"person {number}" for number in range(40)]
    create_study(settings, folder, STUDY_TOML.replace("places = 20", "places = 99"))
    with served_here(settings, clock) as here:
        here.post("/studies/small/sessions", PIDS)
        assert {arrive(here, name).status_code for name in people} == {201}
    ids = [*PIDS.values(), *map(pid, people)]
    assert [value for value in ids if not holding(settings, value)] == []
    engine = connect(settings)
    event.listen(engine, "connect", keep_what_is_deleted)
    return engine, ids


@contextmanager
def failing(engine: Engine, statement: str) -> Iterator[None]:
    """Let SQLite refuse a statement on each new connection, as it does while another one writes."""

    def refuse(connection: sqlite3.Connection, _record: Any, _proxy: Any) -> None:
        others.append(sqlite3.connect(engine.url.database or "", isolation_level=None))
        connection.execute("PRAGMA busy_timeout = 100")
        connection.set_trace_callback(lambda said: said == statement and others[0].execute("BEGIN IMMEDIATE"))

    others: list[sqlite3.Connection] = []
    event.listen(engine, "checkout", refuse)
    yield
    event.remove(engine, "checkout", refuse)
    engine.dispose()
    for other in others:
        other.close()


@pytest.mark.postgres
def test_on_postgres_sealing_is_one_transaction_that_leaves_no_file_with_ids(
    postgres_server: str, clock: Clock, small_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "POSTGRES_OPTIONS", "-c lock_timeout=300 -c statement_timeout=15000")
    url = new_postgres_database(postgres_server)
    settings = Settings.model_validate(
        {"data_dir": tmp_path / "data", "database_url": url, "secret_key": "k" * 40}
    )
    with served(settings, clock, small_study) as here:
        here.post("/studies/small/sessions", PIDS)
        arrive(here, "another")
        before = everything(here)
        with psycopg.connect(url.replace("+psycopg", "")) as reader:
            reader.execute("SELECT count(*) FROM identity")
            with pytest.raises(UserError) as caught, explaining(settings):
                seal_all(here.engine, Vault(IDENTITY_KEY))
        assert str(caught.value) == refusal(settings, "canceling statement due to lock timeout")
        assert everything(here) == before
        assert PIDS["prolific_pid"].encode() in table_file(url)
        assert seal_all(here.engine, Vault(IDENTITY_KEY)) == 2
        kept = table_file(url)
        assert SEALED.encode() in kept
        assert [value for value in (*PIDS.values(), pid("another")) if value.encode() in kept] == []


def table_file(url: str) -> bytes:
    """What stands in the file of PostgreSQL's table identity."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        found = connection.execute("SELECT pg_read_binary_file(pg_relation_filepath('identity'))").fetchone()
        assert found is not None
        return bytes(found[0])


MISSING_KEY = (
    "the participants' Prolific IDs are encrypted, and the setting identity_key is not there to "
    "read them; set INTERPSCORE_IDENTITY_KEY to the key that they were stored under"
)
WRONG_KEY = (
    "the participants' Prolific IDs cannot be read with this identity_key; "
    "set INTERPSCORE_IDENTITY_KEY to the key that they were stored under"
)


def test_without_the_key_of_sealed_ids_nothing_is_sealed(
    settings: Settings, clock: Clock, small_study: Path
) -> None:
    with served(changed(settings, identity_key=IDENTITY_KEY), clock, small_study) as here:
        here.post("/studies/small/sessions", PIDS)
    with served_here(settings, clock) as here:
        arrive(here, "in plain")
        before = everything(here)
        for vault, said in ((Vault("j" * 40), WRONG_KEY), (Vault(), MISSING_KEY)):
            with pytest.raises(UserError) as caught:
                seal_all(here.engine, vault)
            assert str(caught.value) == said
        assert everything(here) == before
        assert pid("in plain") in before
        assert seal_all(here.engine, Vault(IDENTITY_KEY)) == 1


def test_serving_and_upgrading_need_the_key_of_sealed_ids(
    embedded: Settings, clock: Clock, small_study: Path
) -> None:
    with served(changed(embedded, identity_key=IDENTITY_KEY), clock, small_study) as here:
        here.post("/studies/small/sessions", PIDS)
    for settings, said in ((changed(embedded, identity_key="j" * 40), WRONG_KEY), (embedded, MISSING_KEY)):
        for command in (["db", "upgrade"], ["serve", "--port", "0"]):
            done = manage(settings, *command)
            assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {said}\n")


def test_upgrading_says_how_many_it_encrypted(embedded: Settings, clock: Clock, small_study: Path) -> None:
    at = f"The database is at revision {schema.newest()} already."
    sealing = changed(embedded, identity_key=IDENTITY_KEY)
    with served(embedded, clock, small_study) as here:
        arrive(here, "one")
    said = manage(sealing, "db", "upgrade").stdout
    assert said == f"{at} The Prolific IDs of 1 participant are encrypted now.\n"
    with served_here(embedded, clock) as here:
        arrive(here, "two")
        arrive(here, "three")
    newest = {"before": schema.newest(), "after": schema.newest()}
    for count in (2, 0):
        assert json.loads(manage(sealing, "db", "upgrade", "--json").stdout) == {**newest, "encrypted": count}
    assert manage(sealing, "db", "upgrade").stdout == f"{at}\n"


def keep_what_is_deleted(connection: sqlite3.Connection, _record: Any) -> None:
    """Leave what was deleted in the file's unused space, as SQLite does unless it was built otherwise."""
    connection.execute("PRAGMA secure_delete = OFF")


def test_upgrading_seals_and_exporting_needs_the_key(
    embedded: Settings, clock: Clock, small_study: Path
) -> None:
    with served(embedded, clock, small_study) as here:
        here.post("/studies/small/sessions", PIDS)
    sealing = changed(embedded, identity_key=IDENTITY_KEY)
    assert manage(sealing, "db", "upgrade").returncode == 0
    assert [name for value in PIDS.values() for name in holding(embedded, value)] == []
    exported = manage(embedded, "export", "small", "--out", "out")
    assert exported.returncode == 1
    assert exported.stderr == (
        "Error: the participants' Prolific IDs are encrypted, and the setting identity_key is not there to "
        "read them; set INTERPSCORE_IDENTITY_KEY to the key that they were stored under\n"
    )


def holding(settings: Settings, text: str) -> list[str]:
    """The files of the data directory that hold a text."""
    files = [path for path in settings.data_dir.iterdir() if path.is_file()]
    return [path.name for path in files if text.encode() in path.read_bytes()]


def test_a_server_that_starts_seals_too(embedded: Settings, clock: Clock, small_study: Path) -> None:
    with served(embedded, clock, small_study) as here:
        here.post("/studies/small/sessions", PIDS)
    with running_server(changed(embedded, identity_key=IDENTITY_KEY)) as server:
        assert server.arrive(PIDS).status_code == 200
        assert [name for value in PIDS.values() for name in holding(embedded, value)] == []


def test_only_the_owner_can_read_what_a_server_keeps(tmp_path: Path, small_study: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "data"})
    manage = [sys.executable, str(ROOT / "manage.py"), "study"]
    for command in (["create", str(small_study)], ["rehearse", "small"]):
        subprocess.run([*manage, *command, "--quiet"], env=plain_environment(settings), umask=0, check=True)
    serve = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(
        serve, env=plain_environment(settings), umask=0, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1].removesuffix("/s/small")
        body = {"prolific_pid": pid("someone")}
        sent = requests.post(f"{url}/api/v1/studies/small/sessions", json=body, timeout=30)
        modes = {path.name: mode(path) for path in settings.data_dir.iterdir() if path.is_file()}
        server.terminate()
    assert sent.status_code == 201
    assert mode(settings.data_dir) == 0o700
    database = "interpscore.sqlite3"
    assert {database, f"{database}-wal", f"{database}-shm", "secret_key"} <= set(modes)
    assert {name: found for name, found in modes.items() if found & 0o077} == {}


def plain_environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, "INTERPSCORE_DATA_DIR": str(settings.data_dir)}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_who_arrives_again_and_again_is_limited_too(
    settings: Settings, clock: Clock, small_study: Path
) -> None:
    with served(changed(settings, requests_per_minute=3), clock, small_study) as here:
        token = here.participant().token
        for _ in range(3):
            token = here.participant().token
        refused = here.post("/studies/small/sessions", {"prolific_pid": pid("someone")})
        assert (refused.status_code, refused.json["error"]["code"]) == (429, "too_many_requests")
        assert refused.headers["Retry-After"] == "20"
        clock.forward(minutes=0.4)
        headers = {"Authorization": f"Bearer {token}"}
        assert ask(here.app, "GET", "/session", headers=headers).status_code == 200


# Proxies and HTTPS

FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-Host": "elsewhere.example",
    "X-Forwarded-Prefix": "/elsewhere",
    "Forwarded": "for=203.0.113.9;proto=https;host=elsewhere.example",
    "X-Real-IP": "203.0.113.9",
}


def test_no_forwarding_header_is_believed_unless_a_proxy_is_trusted(
    settings: Settings, clock: Clock, small_study: Path
) -> None:
    with served(changed(settings, arrivals_per_minute=1), clock, small_study) as here:
        assert arrive(here, "one").status_code == 201
        assert arrive(here, "two", **FORGED).status_code == 429
        assert from_elsewhere(here, FORGED) == "cross_site"


def from_elsewhere(here: Here, forged: dict[str, str]) -> str:
    """The code for a page of the host that forwarding headers name, which the request is not addressed to."""
    headers = {**forged, "Origin": "https://elsewhere.example"}
    reply = ask(here.app, "POST", "/studies/small/sessions", json={"prolific_pid": pid("x")}, headers=headers)
    return str(reply.json["error"]["code"])


@pytest.mark.parametrize(
    ("proxies", "first", "second", "same"),
    [
        (1, "203.0.113.1", "203.0.113.2", False),
        (1, "203.0.113.1", "198.51.100.7, 203.0.113.1", True),
        (2, "203.0.113.1, 10.0.0.1", "203.0.113.2, 10.0.0.1", False),
        (2, "203.0.113.1, 10.0.0.1", "198.51.100.7, 203.0.113.1, 10.0.0.2", True),
        (2, "203.0.113.1", "203.0.113.2", True),
    ],
)
def test_of_a_trusted_proxy_only_what_it_adds_counts(
    embedded: Settings,
    clock: Clock,
    small_study: Path,
    proxies: int,
    first: str,
    second: str,
    same: bool,
) -> None:
    settings = changed(embedded, arrivals_per_minute=1, trusted_proxies=proxies)
    with served(settings, clock, small_study) as here:
        assert arrive(here, "one", X_Forwarded_For=first).status_code == 201
        assert arrive(here, "two", X_Forwarded_For=second).status_code == (429 if same else 201)
        forged = {**FORGED, "X-Forwarded-For": first}
        assert from_elsewhere(here, forged) == "cross_site"


def test_over_https_browsers_are_told_to_insist(embedded: Settings, clock: Clock, small_study: Path) -> None:
    with served(changed(embedded, https=True), clock, small_study) as here:
        for path in ("/api/v1/session", "/s/small", "/nothing"):
            headers = here.app.test_client().get(path).headers
            assert headers["Strict-Transport-Security"] == "max-age=31536000"
        someone = here.participant()
        someone.consent()
        picture = here.get(someone.trials()[0]["image"])
        assert picture.headers["Strict-Transport-Security"] == "max-age=31536000"
    with served_here(embedded, clock) as here:
        assert "Strict-Transport-Security" not in here.app.test_client().get("/s/small").headers


def raw(url: str, *lines: str) -> bytes:
    """Send a request as it is written here; returns the whole reply."""
    where = urlsplit(url)
    assert where.hostname is not None
    with socket.create_connection((where.hostname, where.port or 80), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "Host: h", "Connection: close", "", ""]).encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_gunicorn_believes_no_header_and_bounds_them(embedded: Settings, small_study: Path) -> None:
    create_from(embedded, small_study)
    settings = changed(embedded, arrivals_per_minute=1)
    with running_server(settings, "--workers", "1") as server:
        said = raw(server.url, "GET /api/v1/openapi.json HTTP/1.1", "SCRIPT_NAME: /api", "PATH_INFO: /x")
        assert said.startswith(b"HTTP/1.1 200 ")
        assert server.arrive({"prolific_pid": pid("one")}).status_code == 201
        for forged in (FORGED, {"X_Forwarded_For": "203.0.113.9", "REMOTE_ADDR": "203.0.113.9"}):
            address = f"{server.url}/api/v1/studies/small/sessions"
            body = {"prolific_pid": pid("two")}
            assert requests.post(address, json=body, headers=forged, timeout=30).status_code == 429
        many = raw(server.url, "GET /healthz HTTP/1.1", *(f"X-{number}: 1" for number in range(80)))
        long = raw(server.url, "GET /healthz HTTP/1.1", f"X-Long: {'x' * 9000}")
        line = raw(server.url, f"GET /healthz?{'x' * 5000} HTTP/1.1")
    assert [said.split()[1] for said in (many, long, line)] == [b"431", b"431", b"414"]


# Requests that another site's page makes

STRANGERS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "http://localhost.elsewhere.example"},
    {"Origin": "http://localhost:8001"},
    {"Origin": "http://localhost:x"},
    {"Origin": "http://"},
    {"Origin": "file://localhost"},
    {"Origin": "http://[localhost"},
    {"Origin": "http://elsewhere.example", "X-Forwarded-Host": "elsewhere.example"},
]
OWN = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Origin": "http://localhost"},
    {"Origin": "http://LOCALHOST:80"},
]


#: in the routes, what stands for a study's name
NAMES = ("<study>", "<name>")


def unsafe(here: Here) -> list[tuple[str, str]]:
    """Method and path of every route, for each method that may change something."""
    return [
        (method, re.sub("<[^>]+>", lambda name: "small" if name[0] in NAMES else "0" * 32, rule.rule))
        for rule in here.app.url_map.iter_rules()
        for method in sorted({*(rule.methods or ()), "PUT", "PATCH", "DELETE"} - {"GET", "HEAD", "OPTIONS"})
    ]


def test_no_route_does_what_another_sites_page_asks(
    embedded: Settings, clock: Clock, small_study: Path
) -> None:
    with served(embedded, clock, small_study) as here:
        client = here.app.test_client()
        routes = unsafe(here)
        assert ("POST", "/api/v1/studies/small/sessions") in routes
        for method, path in routes:
            for headers in STRANGERS:
                refused = client.open(path, method=method, json={}, headers=headers)
                assert (refused.status_code, refused.json) == (
                    403,
                    {
                        "error": {
                            "code": "cross_site",
                            "message": "This request came from another site, so it was not carried out.",
                            "retryable": False,
                        }
                    },
                ), (method, path, headers)
            for headers in OWN:
                assert client.open(path, method=method, json={}, headers=headers).status_code != 403


def test_reading_is_open_to_links_from_other_sites(
    embedded: Settings, clock: Clock, small_study: Path
) -> None:
    with served(embedded, clock, small_study) as here:
        for headers in STRANGERS:
            assert here.app.test_client().get("/s/small", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("study.example", "https://study.example", 201),
        ("study.example:443", "https://study.example", 201),
        ("study.example:8443", "https://study.example:8443", 201),
        ("[2001:db8::1]:8000", "http://[2001:db8::1]:8000", 201),
        ("study.example:8443", "https://study.example", 403),
        ("study.example", "https://www.study.example", 403),
    ],
)
def test_the_origin_is_held_against_the_host(
    embedded: Settings, clock: Clock, small_study: Path, host: str, origin: str, status: int
) -> None:
    with served(embedded, clock, small_study) as here:
        assert arrive(here, "one", Host=host, Origin=origin).status_code == status


# Arrivals


def test_one_address_opens_no_more_sessions_than_allowed(
    settings: Settings, clock: Clock, small_study: Path
) -> None:
    with served(changed(settings, arrivals_per_minute=2), clock, small_study) as here:
        assert [arrive(here, name).status_code for name in ("one", "two")] == [201, 201]
        before = everything(here)
        refused = arrive(here, "three")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
        assert refused.json == {
            "error": {
                "code": "too_many_arrivals",
                "message": "Too many people are arriving from where you are; please try again in a moment.",
                "retryable": True,
            }
        }
        assert everything(here) == before
        assert [arrive(here, name).status_code for name in ("one", "two", "one")] == [200, 200, 200]
        assert arrive(here, "three", address="192.0.2.2").status_code == 201
        clock.forward(0.5)
        assert [arrive(here, name).status_code for name in ("four", "five")] == [201, 429]


def test_addresses_are_stored_nowhere(settings: Settings, clock: Clock, small_study: Path) -> None:
    with served(settings, clock, small_study) as here:
        arrive(here, "one", address="198.51.100.77")
        assert "198.51.100.77" not in everything(here)
        with reading(here.engine) as connection:
            assert len(connection.execute(select(Caller.address_hmac)).scalar_one()) == 64


def test_arrivals_at_the_same_moment_are_all_counted(
    settings: Settings, clock: Clock, small_study: Path
) -> None:
    with served(changed(settings, arrivals_per_minute=3), clock, small_study) as here:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda number: arrive(here, f"person {number}"), range(8)))
        assert sorted(reply.status_code for reply in replies) == [201] * 3 + [429] * 5
        with reading(here.engine) as connection:
            assert len(connection.execute(select(Participant.id)).all()) == 3
            assert connection.execute(select(Caller.allowance)).scalar_one() == 0


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:51234", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("[2001:db8:1:3::9]:443", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("_hidden", "unknown"),
        ("[", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_stands_for_its_network(address: str | None, whose: str) -> None:
    assert network(address) == whose


# Cookies


def test_no_reply_sets_a_cookie(embedded: Settings, clock: Clock, small_study: Path) -> None:
    with served(changed(embedded, https=True), clock, small_study) as here:
        someone = here.participant()
        someone.consent()
        someone.answer_all()
        someone.post("/session/finish")
        for path in ("/s/small", "/s/small/credits", "/healthz", "/nothing", "/api/v1/openapi.json"):
            assert "Set-Cookie" not in here.app.test_client().get(path).headers
        assert [said for said in someone.received if b"set-cookie" in said.lower()] == []
