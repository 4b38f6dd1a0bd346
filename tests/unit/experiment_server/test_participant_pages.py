from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from experiment_server import languages
from experiment_server.app import create_app
from experiment_server.context import EXTENSION, Server
from experiment_server.design.freeze import canonical
from experiment_server.migrations.schema import upgrade
from experiment_server.models import Study
from experiment_server.models.database import writing
from experiment_server.settings import Settings

CREDITS = [
    {"credit": "Ada Example", "credit_url": "https://example.org/ada", "licence": "CC BY 4.0"},
    {"credit": "Bo <b>Sample</b>", "credit_url": "", "licence": "MIT"},
    {"credit": "Bo <b>Sample</b>", "credit_url": "", "licence": "MIT"},
    {"credit": "", "credit_url": "", "licence": ""},
]


def definition(credits: list[dict[str, str]], language: str) -> str:
    condition = {"perturbation": "clean", "severity": None, "level": 1, "role": "clean"}
    study = {
        "format_version": 1,
        "name": "shapes",
        "title": "Shapes & sizes",
        "language": language,
        "concepts": ["lighthouse", "umbrella"],
        "places": 3,
        "seed": 0,
        "condition": [condition],
        "trials": {"test": 2},
        "texts": {"consent": "c", "instructions": "i", "debrief": "d"},
        "completion_codes": {"completed": "A", "no_consent": "B", "withdrawn": "C"},
    }
    return canonical({"study": study, "masks": [], "lexicon": None, "credits": credits})


def add_study(app: flask.Flask, name: str, credits: list[dict[str, str]], language: str = "en") -> None:
    server: Server = app.extensions[EXTENSION]
    values: dict[str, Any] = {
        "name": name,
        "title": "Shapes & sizes",
        "definition": definition(credits, language),
        "sha256": name.ljust(64, "0"),
        "seed": 0,
        "places": 3,
        "status": "open",
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
        "format_version": 1,
    }
    with writing(server.engine) as connection:
        connection.execute(insert(Study).values(values))


@pytest.fixture
def app(tmp_path: Path) -> flask.Flask:
    app = create_app(Settings(data_dir=tmp_path / "data"))
    server: Server = app.extensions[EXTENSION]
    upgrade(server.engine)
    add_study(app, "shapes", CREDITS)
    add_study(app, "uncredited", [])
    for language in ("it", "it-CH", "es-MX", "eo", "ar"):
        add_study(app, language.lower(), CREDITS, language)
    static = tmp_path / "static"
    static.mkdir()
    for name in ("app.js", "app.css", "icon.svg"):
        (static / name).write_text(f"built {name}")
    app.static_folder = str(static)
    return app


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def test_page_tells_the_front_end_where_it_is(client: FlaskClient) -> None:
    reply = client.get("/s/shapes?PROLIFIC_PID=5f&STUDY_ID=a&SESSION_ID=b")
    assert reply.status_code == 200
    assert reply.mimetype == "text/html"
    assert '<body data-study="shapes" data-api="/api/v1" data-credits="/s/shapes/credits">' in reply.text
    assert "<title>Shapes &amp; sizes</title>" in reply.text
    assert reply.headers["Cache-Control"] == "no-cache"


def test_page_names_neither_the_participant_nor_an_answer(client: FlaskClient) -> None:
    text = client.get("/s/shapes?PROLIFIC_PID=5f1234&STUDY_ID=a&SESSION_ID=b").text
    assert "5f1234" not in text
    assert "lighthouse" not in text


@pytest.mark.parametrize("path", ["/s/shapes", "/s/it", "/s/shapes/credits", "/s/none", "/s/none/credits"])
def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(client: FlaskClient, path: str) -> None:
    reply = client.get(path)
    assert not re.search(
        r"<script(?![^>]* (?:src=|type=\"application/json\"))|<style| style=| on[a-z]+=", reply.text
    )
    linked = re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]*)"', reply.text)
    assert linked
    assert all(re.fullmatch(r"/static/[a-z.]+\?v=[0-9a-f]{12}", address) for address in linked)
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "unsafe" not in reply.headers["Content-Security-Policy"]


def test_a_new_build_has_a_new_address(client: FlaskClient, app: flask.Flask) -> None:
    before = client.get("/s/shapes").text
    assert client.get("/s/shapes").text == before
    (Path(app.static_folder or "") / "app.js").write_text("built again")
    assert client.get("/s/shapes").text != before


def test_an_asset_is_sent_gzipped_to_a_browser_that_takes_it(client: FlaskClient, app: flask.Flask) -> None:
    packed = gzip.compress(b"built app.js")
    (Path(app.static_folder or "") / "app.js.gz").write_bytes(packed)
    reply = client.get("/static/app.js", headers={"Accept-Encoding": "br, gzip"})
    assert (reply.data, reply.headers["Content-Encoding"]) == (packed, "gzip")
    assert reply.mimetype == "text/javascript"
    assert reply.headers["Vary"] == "Accept-Encoding"
    plain = client.get("/static/app.js")
    assert (plain.data, plain.headers.get("Content-Encoding")) == (b"built app.js", None)
    assert client.get("/static/icon.svg", headers={"Accept-Encoding": "gzip"}).data == b"built icon.svg"
    assert client.get("/static/../secret_key", headers={"Accept-Encoding": "gzip"}).status_code == 404


@pytest.mark.parametrize("path", ["/s/none", "/s/none/credits", "/s/No%20Slug"])
def test_unknown_study_is_a_page(client: FlaskClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 404
    assert "<h1>There is no study here</h1>" in reply.text
    assert "Please check the link that you were given." in reply.text


def test_credits_are_listed_once_and_escaped(client: FlaskClient) -> None:
    text = client.get("/s/shapes/credits").text
    assert text.count("<tr>") == 3
    assert '<a href="https://example.org/ada" rel="noreferrer">Ada Example</a>' in text
    assert text.count("Bo &lt;b&gt;Sample&lt;/b&gt;") == 1
    assert text.index("Ada Example") < text.index("Bo &lt;b&gt;")


def test_a_study_without_credits_says_so(client: FlaskClient) -> None:
    assert "No credits are recorded for this study’s pictures." in client.get("/s/uncredited/credits").text


@pytest.mark.parametrize("path", ["/s/shapes", "/s/shapes/credits", "/s/none"])
def test_without_the_built_front_end_the_page_says_what_to_do(
    client: FlaskClient, app: flask.Flask, path: str
) -> None:
    (Path(app.static_folder or "") / "app.js").unlink()
    reply = client.get(path)
    assert reply.status_code == 503
    assert reply.text == "The participants' page is not built; run `make setup` in the project's folder.\n"


@pytest.mark.parametrize(
    ("study", "html", "body"),
    [
        ("shapes", 'lang="en"', ""),
        ("it", 'lang="it"', ""),
        ("it-ch", 'lang="it-CH"', ""),
        ("es-mx", 'lang="es-MX"', ""),
        ("eo", 'lang="eo"', ' lang="en"'),
        ("ar", 'lang="ar"', ' lang="en"'),
    ],
)
def test_page_says_which_language_its_texts_and_its_words_are_in(
    client: FlaskClient, study: str, html: str, body: str
) -> None:
    text = client.get(f"/s/{study}").text
    assert f"<html {html}>" in text
    assert f'<body data-study="{study}" data-api="/api/v1" data-credits="/s/{study}/credits"{body}>' in text


def words_in(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="words">(.*)</script>', text)
    return json.loads(found[1]) if found else {}


def test_page_hands_over_the_words_of_its_language(client: FlaskClient) -> None:
    italian = words_in(client.get("/s/it").text)
    assert (italian["language"], italian["messages"]["Thank you!"]) == ("it", "Grazie!")
    assert italian["messages"]["one word"]["other"] == "fino a {most} parole"
    assert words_in(client.get("/s/it-ch").text) == italian
    assert words_in(client.get("/s/es-mx").text)["messages"]["Thank you!"] == "¡Gracias!"


@pytest.mark.parametrize("study", ["shapes", "eo", "ar"])
def test_english_words_are_in_the_source_and_not_in_the_page(client: FlaskClient, study: str) -> None:
    text = client.get(f"/s/{study}").text
    assert 'id="words"' not in text
    assert "<h1>This study needs JavaScript</h1>" in text


def test_pages_made_by_the_server_speak_the_studys_language(client: FlaskClient) -> None:
    assert "<h1>Questo studio ha bisogno di JavaScript</h1>" in client.get("/s/it").text
    credits = client.get("/s/es-mx/credits").text
    assert '<html lang="es">' in credits
    assert "<h1>Quién hizo las imágenes</h1>" in credits
    assert '<p class="kicker" lang="es-MX" dir="auto">Shapes &amp; sizes</p>' in credits
    assert "<h1>Who made the pictures</h1>" in client.get("/s/eo/credits").text


@pytest.mark.parametrize(
    ("asked", "language", "title"),
    [
        ("it-IT,it;q=0.9,en;q=0.8", "it", "Qui non c’è nessuno studio"),
        ("eo,es-AR;q=0.7", "es", "Aquí no hay ningún estudio"),
        ("eo", "en", "There is no study here"),
        ("en-GB,it;q=0.5", "en", "There is no study here"),
        ("", "en", "There is no study here"),
    ],
)
def test_a_page_without_a_study_speaks_as_the_browser_asks(
    client: FlaskClient, asked: str, language: str, title: str
) -> None:
    reply = client.get("/s/none", headers={"Accept-Language": asked})
    assert f'<html lang="{language}">' in reply.text
    assert f"<h1>{title}</h1>" in reply.text
    assert reply.headers["Vary"] == "Accept-Language"


def test_a_study_speaks_its_language_whatever_the_browser_asks(client: FlaskClient) -> None:
    asked = {"Accept-Language": "it"}
    assert "<h1>This study needs JavaScript</h1>" in client.get("/s/shapes", headers=asked).text


@pytest.mark.parametrize("path", ["/s/it", "/s/it/credits"])
def test_a_catalogue_that_is_not_compiled_is_not_passed_over(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    source = tmp_path / "translations" / "it" / "LC_MESSAGES" / "messages.po"
    source.parent.mkdir(parents=True)
    source.write_bytes((languages.TRANSLATIONS / "it" / "LC_MESSAGES" / "messages.po").read_bytes())
    monkeypatch.setattr(languages, "TRANSLATIONS", tmp_path / "translations")
    reply = client.get(path)
    assert reply.status_code == 503
    assert reply.text == (
        'The catalogue of the language "it" is not compiled; run `make setup` in the project\'s folder.\n'
    )
    assert client.get("/s/shapes").status_code == 200
    assert "There is no study here" in client.get("/s/none", headers={"Accept-Language": "it"}).text
