"""From what the services know to what a participant may see."""

from __future__ import annotations

from experiment_server.api import schemas
from experiment_server.api.flow import present_calibration, present_flow
from experiment_server.design.definition import Definition
from experiment_server.pictures import Pictures
from experiment_server.services.run_trial import NextTrial, Stored
from experiment_server.services.sessions import ABANDONED, Standing

#: what of the study's response form the page needs
FORM = {"form", "max_words", "dont_know", "confidence"}
RETURN_URL = "https://app.prolific.com/submissions/complete?cc="


def present_state(definition: Definition, standing: Standing) -> schemas.State:
    """A session's state. The completion code is in it only once there is an outcome that has one."""
    design, session, progress = definition.design, standing.session, standing.progress
    return schemas.State.model_validate(
        {
            "study": standing.study,
            "title": standing.title,
            "language": design.language,
            "rehearsal": standing.rehearsal,
            "session": session.id,
            "phase": session.phase,
            "outcome": session.outcome,
            "answered": progress.answered,
            "total": progress.total,
            "response": design.response.model_dump(include=FORM),
            "texts": design.texts.model_dump(),
            "governance": design.governance and schemas.Governance(**design.governance.model_dump()),
            "flow": present_flow(definition, session.seed),
            "done": [f"{kind}/{name}" if name else kind for kind, name in standing.done],
            "calibration": present_calibration(standing.calibration),
            "completion": _completion(definition, standing),
            "message": ABANDONED if session.outcome == "abandoned" else None,
        }
    )


def _completion(definition: Definition, standing: Standing) -> schemas.Completion | None:
    codes = definition.design.completion_codes.model_dump()
    code = codes.get(standing.session.outcome or "")
    if code is None:
        return None
    return schemas.Completion(
        code=code, return_url=RETURN_URL + code if standing.kind == "prolific" else None
    )


def present_trial(definition: Definition, pictures: Pictures, trial: NextTrial) -> schemas.Trial:
    """A trial before its answer: nothing of it names the concept."""
    shown = definition.design.presentation
    return schemas.Trial(
        trial=trial.public_id,
        index=trial.index,
        practice=trial.practice,
        image=pictures.address(trial.public_id, trial.image),
        mask=None if trial.mask is None else pictures.address(trial.public_id, trial.mask),
        fixation_ms=shown.fixation_ms,
        exposure_ms=shown.exposure_ms,
        mask_ms=shown.mask_ms,
        width=trial.width,
        height=trial.height,
        alternatives=trial.alternatives,
        already_presented=trial.already_presented,
    )


def present_stored(public_id: str, stored: Stored) -> schemas.Responded:
    """The reply to an answer."""
    feedback = stored.feedback
    return schemas.Responded.model_validate(
        {
            "trial": public_id,
            "response_uuid": stored.response_uuid,
            "duplicate": stored.duplicate,
            "answered": stored.answered,
            "total": stored.total,
            "feedback": schemas.Feedback(**vars(feedback)) if feedback else None,
        }
    )
