from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Dialog, Response, Route, expect

from tests.browser.conftest import PATIENCE_MS, NewVisitor
from tests.browser.installation import CODES, TRIALS, Installation
from tests.browser.test_participant_flow import OUTCOMES, RESPONSES, SESSION_ID, expected_rows, prolific
from tests.browser.visitor import ANSWERS, Visitor

pytestmark = pytest.mark.browser

SHOWN = """
SELECT trial.id FROM trial JOIN session ON session.id = trial.session_id
JOIN identity ON identity.participant_id = session.participant_id
WHERE identity.prolific_pid = ? AND trial.trial_index = ? AND trial.state = 'presented'
"""
TRIAL = """
SELECT session.id, trial.public_id FROM trial JOIN session ON session.id = trial.session_id
JOIN identity ON identity.participant_id = session.participant_id
WHERE identity.prolific_pid = ? AND trial.trial_index = ?
"""
RECORDS = """
SELECT record.kind, record.name, record.received_at <= min(response.received_at) FROM record
JOIN response ON response.session_id = record.session_id JOIN session ON session.id = record.session_id
JOIN identity ON identity.participant_id = session.participant_id
WHERE identity.prolific_pid = ? GROUP BY record.id
"""
ELSEWHERE = "This study is open in another tab or window"
DELETE_STORAGE = """() => new Promise((resolve, reject) => {
  const request = indexedDB.deleteDatabase("interpscore");
  [request.onsuccess, request.onblocked] = [() => resolve(), reject];
})"""
KEEP = """(parcel) => new Promise((resolve) => {
  indexedDB.open("interpscore").onsuccess = (event) => {
    const transaction = event.target.result.transaction("outbox", "readwrite");
    transaction.objectStore("outbox").add(parcel);
    transaction.oncomplete = () => resolve();
  };
})"""
#: as the page's first version kept an answer, without the session and the trial
OLDER_PARCEL = {
    "answer": {
        "response_uuid": "0a4ac1fc-7f5e-4a3e-8e61-6b0e7a6f1c55",
        "response": "a cup",
        "dont_know": False,
        "rt_ms": 1200.5,
        "rt_first_key_ms": 800.25,
        "exposure_measured_ms": 100.1,
        "frame_interval_ms": 16.67,
        "dropped_frames": 0,
        "presented_again": False,
        "client": {"viewport": [1280, 800], "durable_queue": True},
    }
}
BREAK_STORAGE = """() => {
  IDBDatabase.prototype.transaction = () => {
    throw new DOMException("The database connection is closing.", "InvalidStateError");
  };
}"""
LIMITED = "This session made too many requests; please wait a moment."
#: some fewer than a participant of the study makes
REQUESTS_PER_MINUTE = "20"


@pytest.fixture
def limited_server(installation: Installation) -> Iterator[Installation]:
    """Another server of the same studies, which lets a session make few requests."""
    limited = Installation(installation.folder)
    limited.environment["INTERPSCORE_REQUESTS_PER_MINUTE"] = REQUESTS_PER_MINUTE
    limited.start()
    yield limited
    limited.stop()


def test_answers_given_without_a_network_arrive_when_it_is_back(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f0000000000000000000011"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    installation.wait_for(3, RESPONSES, pid)
    visitor.has_pictures(6)
    visitor.page.context.set_offline(True)
    visitor.do([3, 4])
    expect(visitor.page.locator("#header .status")).to_contain_text("Not connected")
    assert len(installation.rows(RESPONSES, pid)) == 3
    visitor.page.context.set_offline(False)
    visitor.do(range(5, TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    assert installation.rows(RESPONSES, pid) == expected_rows()


def test_an_answer_that_was_not_sent_survives_a_reload(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000012"
    questions: list[str] = []

    def asked(dialog: Dialog) -> None:
        questions.append(dialog.type)
        dialog.accept()

    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    installation.wait_for(3, RESPONSES, pid)
    visitor.page.route("**/response", lambda route: route.abort())
    visitor.do([3])
    expect(visitor.page.locator("#header .status")).to_contain_text("Not connected")
    assert len(installation.rows(RESPONSES, pid)) == 3
    visitor.page.unroute_all()
    visitor.page.on("dialog", asked)
    visitor.page.reload()
    visitor.sees(f"4 of {TRIALS} pictures are answered and saved.")
    visitor.press("Continue")
    visitor.do(range(4, TRIALS))
    visitor.finish()
    visitor.page.reload()
    assert visitor.code == CODES["completed"]
    assert questions == ["beforeunload"], "leaving is asked about while an answer waits, and only then"
    assert [row[:4] for row in installation.rows(RESPONSES, pid)] == [row[:4] for row in expected_rows()]


def test_a_lost_acknowledgement_stores_the_answer_once(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000013"
    lost: set[str] = set()

    def deliver_and_lose_the_reply(route: Route) -> None:
        if route.request.url in lost:
            route.continue_()
        else:
            lost.add(route.request.url)
            route.fetch()
            route.abort()

    visitor.page.route("**/response", deliver_and_lose_the_reply)
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    assert len(lost) == TRIALS
    assert installation.rows(RESPONSES, pid) == expected_rows()


def test_a_killed_server_loses_nothing(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000014"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(4))
    visitor.has_pictures(7)
    installation.stop(signal.SIGTERM)
    visitor.do([4, 5])
    installation.start()
    visitor.do(range(6, TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    assert installation.rows(RESPONSES, pid) == expected_rows()


def test_a_participant_who_is_limited_reads_why_and_loses_nothing(
    visitor: Visitor, installation: Installation, limited_server: Installation
) -> None:
    pid = "5f0000000000000000000030"
    replies: list[Response] = []

    def hear(reply: Response) -> None:
        replies.append(reply)

    visitor.page.on("response", hear)
    visitor.url = limited_server.url
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(TRIALS))
    status = visitor.page.locator("#header .status")
    expect(status).to_have_text(LIMITED)
    kept = f"{LIMITED} Your answers are kept on this device and will be sent."
    expect(status).to_have_attribute("title", kept)
    expect(visitor.page.get_by_role("main")).to_contain_text("Thank you!", timeout=PATIENCE_MS)
    visitor.finish()
    assert visitor.code == CODES["completed"]
    assert installation.rows(RESPONSES, pid) == expected_rows()
    refused = [number for number, reply in enumerate(replies) if reply.status == 429]
    assert refused
    for number in refused:
        first = replies[number]
        again = next(reply for reply in replies[number + 1 :] if reply.url == first.url)
        waited_ms = again.request.timing["startTime"] - first.request.timing["startTime"]
        assert waited_ms >= 1000 * int(first.headers["retry-after"])


def test_a_browser_whose_storage_breaks_loses_nothing(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000018"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    installation.wait_for(3, RESPONSES, pid)
    visitor.page.evaluate(BREAK_STORAGE)
    visitor.do(range(3, TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    assert installation.rows(RESPONSES, pid) == expected_rows()
    assert [text for text in visitor.complaints if "in memory from now on" not in text] == []


def test_storage_that_breaks_with_answers_in_it_loses_none(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f0000000000000000000019"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    installation.wait_for(3, RESPONSES, pid)
    visitor.page.route("**/response", lambda route: route.abort())
    visitor.do([3])
    expect(visitor.page.locator("#header .status")).to_contain_text("Not connected")
    visitor.page.evaluate(BREAK_STORAGE)
    visitor.page.unroute_all()
    visitor.do(range(4, TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    assert installation.rows(RESPONSES, pid) == expected_rows()


def test_the_older_of_two_tabs_is_told_at_once(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000015"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    visitor.may_answer(3)
    visitor.page.keyboard.type("half an ans")
    newer = Visitor(visitor.page.context.new_page(), visitor.url)
    newer.open(prolific("typed", pid))
    newer.sees("Carry on where you left off")
    visitor.sees(ELSEWHERE)
    newer.press("Continue")
    newer.do([3])
    visitor.page.bring_to_front()
    visitor.press("Continue here")
    newer.sees(ELSEWHERE)
    visitor.sees(f"4 of {TRIALS} pictures are answered and saved.")
    visitor.press("Continue")
    visitor.do(range(4, TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    rows = installation.rows(RESPONSES, pid)
    assert [row[:4] for row in rows] == [row[:4] for row in expected_rows()]
    assert rows[3][4] == 1, "the older tab had shown its picture"


def test_the_older_of_two_browsers_is_told_when_it_sends(
    visitor: Visitor, new_visitor: NewVisitor, installation: Installation
) -> None:
    pid = "5f0000000000000000000031"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    visitor.may_answer(3)
    installation.wait_for(1, SHOWN, pid, 3)
    visitor.has_pictures(TRIALS - 1)
    newer = new_visitor()
    newer.open(prolific("typed", pid))
    newer.sees("Carry on where you left off")
    visitor.answer(3, "tree")
    visitor.sees(ELSEWHERE)
    visitor.press("Continue here")
    visitor.sees(f"4 of {TRIALS} pictures are answered and saved.")
    visitor.press("Continue")
    visitor.do(range(4, TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    answers = [row[2] for row in installation.rows(RESPONSES, pid)]
    assert answers == [row[2] if row[0] != 3 else "tree" for row in expected_rows()]


def test_what_is_not_the_servers_answer_acknowledges_nothing(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f0000000000000000000032"
    statuses = [200, 403, 404, 502]

    def answer_in_the_servers_place(route: Route) -> None:
        if statuses:
            route.fulfill(status=statuses.pop(), content_type="text/html", body="<h1>Please log in</h1>")
        else:
            route.continue_()

    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    visitor.page.route("**/response", answer_in_the_servers_place)
    visitor.page.route("**/presented", answer_in_the_servers_place)
    visitor.do(range(3, TRIALS))
    visitor.finish()
    assert statuses == []
    assert visitor.code == CODES["completed"]
    assert installation.rows(RESPONSES, pid) == expected_rows()


def test_answers_outlive_the_deletion_of_the_sites_data(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000033"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    installation.wait_for(3, RESPONSES, pid)
    visitor.page.route("**/response", lambda route: route.abort())
    visitor.do([3])
    expect(visitor.page.locator("#header .status")).to_contain_text("Not connected")
    visitor.page.evaluate(DELETE_STORAGE)
    visitor.do([4])
    expect(visitor.page.locator("#header .where")).to_contain_text(f"Picture 6 of {TRIALS}")
    visitor.page.unroute_all()
    visitor.page.reload()
    visitor.sees(f"5 of {TRIALS} pictures are answered and saved.")
    assert installation.rows(RESPONSES, pid) == expected_rows()[:5]
    assert [text for text in visitor.complaints if "in memory" in text] == []


def test_a_record_waits_in_the_queue_before_the_answers_after_it(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f0000000000000000000034"
    visitor.page.route("**/session/records", lambda route: route.abort())
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.may_answer(0)
    visitor.page.keyboard.type(f"{ANSWERS[0]}\n")
    visitor.sees("Saving your answer…")
    assert installation.rows(RECORDS, pid) == installation.rows(RESPONSES, pid) == []
    visitor.page.unroute_all()
    visitor.page.reload()
    visitor.sees(f"1 of {TRIALS} pictures are answered and saved.")
    assert installation.rows(RECORDS, pid) == [("warning", "", 1)]
    assert installation.rows(RESPONSES, pid) == expected_rows()[:1]


def test_what_an_older_version_of_the_page_kept_is_sent(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000035"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.may_answer(0)
    installation.wait_for(1, SHOWN, pid, 0)
    [[session, trial]] = installation.rows(TRIAL, pid, 0)
    visitor.page.evaluate(KEEP, {**OLDER_PARCEL, "session": session, "trial": trial})
    visitor.page.reload()
    visitor.sees(f"1 of {TRIALS} pictures are answered and saved.")
    assert installation.rows(RESPONSES, pid) == [(0, "responded", "a cup", 0, 0)]


def test_two_people_in_one_browser_do_not_share_answers(visitor: Visitor, installation: Installation) -> None:
    first, second = "5f0000000000000000000016", "5f0000000000000000000017"
    visitor.open(prolific("typed", first))
    visitor.begin()
    visitor.do(range(3))
    visitor.open(prolific("typed", second))
    visitor.begin()
    visitor.do(range(TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    assert installation.rows(RESPONSES, second) == expected_rows()
    visitor.open(prolific("typed", first))
    visitor.sees(f"3 of {TRIALS} pictures are answered and saved.")
    assert installation.rows(OUTCOMES, first) == [(None, SESSION_ID)]
    assert installation.rows(RESPONSES, first) == expected_rows()[:3]


@pytest.mark.parametrize("round_number", range(2))
def test_an_answer_in_the_moment_of_leaving_is_kept(
    visitor: Visitor, installation: Installation, round_number: int
) -> None:
    pid = f"5f000000000000000000002{round_number}"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(2))
    visitor.may_answer(2)
    visitor.page.keyboard.type("sailboat\n")
    visitor.page.goto("about:blank")
    visitor.open(prolific("typed", pid))
    visitor.sees(f"3 of {TRIALS} pictures are answered and saved.")
    assert installation.rows(RESPONSES, pid) == expected_rows()[:3]


def test_a_page_whose_script_does_not_arrive_says_so_and_can_be_loaded_again(visitor: Visitor) -> None:
    lost = "**/static/app.js*"

    def lose(route: Route) -> None:
        route.abort()

    visitor.page.route(lost, lose)
    visitor.open(prolific("typed", "5f0000000000000000000041"))
    problem = visitor.page.get_by_role("heading", name="The page is not complete")
    expect(problem).to_be_hidden()
    expect(problem).to_be_visible(timeout=PATIENCE_MS)
    visitor.page.unroute(lost)
    visitor.page.get_by_role("link", name="Load the page again").click()
    visitor.sees("You may stop at any time.")
    expect(problem).to_have_count(0)
