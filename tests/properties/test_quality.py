"""Whatever a browser sends with an answer, a session is assessed."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from experiment_server.design.quality import RULES, SessionSignals, TrialSignals, assess, in_words
from experiment_server.design.study_file import StudyDesign, StudyFile
from tests.functional.study_files import STUDY_TOML

KEYS = (
    *("key_times_ms", "largest_insert", "largest_insert_by", "pastes", "drops"),
    *("times_hidden", "times_blurred", "touch", "viewport", "agent"),
)
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=5,
)
CLIENTS = st.dictionaries(st.sampled_from(KEYS), ANY_JSON, max_size=6)
TRIALS = st.builds(
    TrialSignals,
    kind=st.sampled_from(("practice", "test", "catch")),
    concept=st.sampled_from(("sailboat", "umbrella", "rocket")),
    response=st.text(max_size=30),
    dont_know=st.booleans(),
    correct=st.floats(0, 1),
    rt_ms=st.floats(0, 86_400_000),
    chosen=st.booleans(),
    client=CLIENTS,
    timing_flags=st.lists(st.text(max_size=8), max_size=3).map(tuple),
)
SESSIONS = st.builds(
    SessionSignals,
    trials=st.lists(TRIALS, max_size=6).map(tuple),
    instructed=st.dictionaries(st.sampled_from(("1", "2", "3")), st.text(max_size=30)),
    comprehension_passed=st.none() | st.booleans(),
    practice_met=st.none() | st.booleans(),
)
CHECKS = """
[[instructed]]
text = "Type green."
answer = "green"
[[comprehension.question]]
text = "What do you type?"
options = ["A name", "Nothing"]
answer = "A name"
"""


def _design(form: str) -> StudyDesign:
    text = STUDY_TOML.replace('"free_text"', f'"{form}"').replace(
        "trials = 1\n[catch]", "trials = 1\ncriterion = 1\n[catch]"
    )
    return StudyFile.model_validate_json(json.dumps(tomllib.loads(text + CHECKS)))


DESIGNS = {form: _design(form) for form in ("free_text", "alternatives")}


@given(SESSIONS, st.sampled_from(tuple(DESIGNS)))
def test_every_session_is_assessed(session: SessionSignals, form: str) -> None:
    found = assess(DESIGNS[form], session)
    assert [flag.name for flag in found] == [name for name in RULES if name in {f.name for f in found}]
    for flag in found:
        assert json.loads(json.dumps(flag.evidence, allow_nan=False)) == flag.evidence
        assert in_words(flag)
        assert 0 <= float(flag.evidence.get("share", 0)) <= 1
