"""The participants' page in an adaptive study: it is the page that every study has."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response, expect
from sqlalchemy import select

from experiment_server.models import Stimulus, Trial
from experiment_server.models.database import connect, reading
from tests.browser.conftest import PATIENCE_MS
from tests.functional.adaptive_study import make_adaptive_study, study_toml
from tests.functional.answering import unlimited
from tests.functional.invariants import check_invariants
from tests.functional.server_fixture import create_from, running_server

pytestmark = pytest.mark.browser

#: practice, test and catch trials, of which 12 are adaptive
TRIALS = 1 + 14 + 1
FAST = "[presentation]\nfixation_ms = 60\nexposure_ms = 60\nmask_ms = 50\nflicker_warning = false\n"


def test_each_picture_that_was_shown_is_the_one_in_the_database(browser: Browser, tmp_path: Path) -> None:
    """With a reload in the middle; each trial's picture is fetched in one version only."""
    text = study_toml("free_text").replace("test = 34", "test = 14").replace("trials = 30", "trials = 12")
    settings = unlimited(tmp_path / "data", f"sqlite:///{tmp_path / 'test.sqlite3'}")
    create_from(settings, make_adaptive_study(tmp_path / "study", text + FAST))
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    fetched: dict[str, str] = {}

    def note(response: Response) -> None:
        if "/pictures/" in response.url and response.ok:
            fetched[response.url] = hashlib.sha256(response.body()).hexdigest()

    page.on("response", note)
    with running_server(settings) as server:
        page.goto(f"{server.url}/s/adaptive")
        page.get_by_role("button", name="I agree").click()
        page.get_by_role("button", name="Start the practice").click()
        for number in range(TRIALS):
            if number == 7:
                page.reload()
                page.get_by_role("button", name="Continue").click()
            expect(page.locator("#header .where")).to_contain_text(f"Picture {number + 1} of {TRIALS}")
            words = page.get_by_role("textbox", name="Your answer")
            expect(words).to_be_enabled()
            page.keyboard.type("sailboat" if number % 3 else "umbrella")
            page.keyboard.press("Enter")
            if number == 0:
                page.get_by_role("button", name="Next").click()
                page.get_by_role("button", name="I’m ready").click()
        expect(page.get_by_role("main")).to_contain_text("Thank you!")
    context.close()
    engine = connect(settings)
    check_invariants(engine)
    with reading(engine) as connection:
        rows = connection.execute(
            select(Stimulus.image_sha256, Trial.chosen_at, Trial.state).join(Trial)
        ).all()
        every = set(connection.execute(select(Stimulus.image_sha256)).scalars())
    assert [row.state for row in rows] == ["responded"] * TRIALS
    assert sum(row.chosen_at is not None for row in rows) == 12
    assert sorted(sha for sha in fetched.values() if sha in every) == sorted(row[0] for row in rows)
    engine.dispose()
