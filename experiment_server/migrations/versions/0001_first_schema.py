"""The first schema: studies, participants, sessions, trials, responses, events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "study",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("format_version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_study_status")),
        sa.PrimaryKeyConstraint("id", name="pk_study"),
        sa.UniqueConstraint("name", name="uq_study_name"),
    )
    op.create_table(
        "participant",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pseudonym", sa.String(length=16), nullable=False),
        sa.Column("study_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("kind IN ('prolific', 'visitor')", name=op.f("ck_participant_kind")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_participant_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_participant"),
        sa.UniqueConstraint("study_id", "pseudonym", name="uq_participant_study_id_pseudonym"),
    )
    op.create_table(
        "study_condition",
        sa.Column("id", KEY, nullable=False),
        sa.Column("study_id", KEY, nullable=False),
        sa.Column("perturbation", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.Double(), nullable=False),
        sa.Column("severity_unit", sa.String(length=64), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "role IN ('clean', 'invariant', 'adversarial', 'dream')", name=op.f("ck_study_condition_role")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_study_condition_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_study_condition"),
        sa.UniqueConstraint("study_id", "level", name="uq_study_condition_study_id_level"),
    )
    op.create_table(
        "identity",
        sa.Column("participant_id", KEY, autoincrement=False, nullable=False),
        sa.Column("study_id", KEY, nullable=False),
        sa.Column("hmac", sa.String(length=64), nullable=False),
        sa.Column("prolific_pid", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name="fk_identity_participant_id_participant"
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_identity_study_id_study"),
        sa.PrimaryKeyConstraint("participant_id", name="pk_identity"),
        sa.UniqueConstraint("study_id", "hmac", name="uq_identity_study_id_hmac"),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("participant_id", KEY, nullable=False),
        sa.Column("study_id", KEY, nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("prolific_study_id", sa.String(length=128), nullable=True),
        sa.Column("prolific_session_id", sa.String(length=128), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("consented_at", TIME, nullable=True),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('completed', 'no_consent', 'withdrawn', 'abandoned')",
            name=op.f("ck_session_outcome"),
        ),
        sa.CheckConstraint(
            "phase IN ('consent', 'trials', 'debrief', 'finished')", name=op.f("ck_session_phase")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name="fk_session_participant_id_participant"
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_session_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("token_sha256", name="uq_session_token_sha256"),
    )
    op.create_index("ix_session_participant_id", "session", ["participant_id"], unique=False)
    op.create_index(
        "ix_session_study_id_outcome_last_seen_at",
        "session",
        ["study_id", "outcome", "last_seen_at"],
        unique=False,
    )
    op.create_table(
        "stimulus",
        sa.Column("id", KEY, nullable=False),
        sa.Column("study_id", KEY, nullable=False),
        sa.Column("stimulus", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("concept", sa.Text(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("condition_id", KEY, nullable=False),
        sa.Column("image_sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("assigned_count", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('practice', 'test', 'catch')", name=op.f("ck_stimulus_kind")),
        sa.ForeignKeyConstraint(
            ["condition_id"], ["study_condition.id"], name="fk_stimulus_condition_id_study_condition"
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_stimulus_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_stimulus"),
        sa.UniqueConstraint("study_id", "stimulus", name="uq_stimulus_study_id_stimulus"),
    )
    op.create_index("ix_stimulus_condition_id", "stimulus", ["condition_id"], unique=False)
    op.create_table(
        "trial",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("trial_index", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("stimulus_id", KEY, nullable=False),
        sa.Column("mask", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("presented_at", TIME, nullable=True),
        sa.CheckConstraint("kind IN ('practice', 'test', 'catch')", name=op.f("ck_trial_kind")),
        sa.CheckConstraint(
            "state IN ('assigned', 'presented', 'responded', 'timed_out', 'abandoned')",
            name=op.f("ck_trial_state"),
        ),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_trial_session_id_session"),
        sa.ForeignKeyConstraint(["stimulus_id"], ["stimulus.id"], name="fk_trial_stimulus_id_stimulus"),
        sa.PrimaryKeyConstraint("id", name="pk_trial"),
        sa.UniqueConstraint("public_id", name="uq_trial_public_id"),
        sa.UniqueConstraint("session_id", "trial_index", name="uq_trial_session_id_trial_index"),
    )
    op.create_index("ix_trial_stimulus_id", "trial", ["stimulus_id"], unique=False)
    op.create_table(
        "event",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("trial_id", KEY, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_event_session_id_session"),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name="fk_event_trial_id_trial"),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_session_id", "event", ["session_id"], unique=False)
    op.create_table(
        "response",
        sa.Column("id", KEY, nullable=False),
        sa.Column("trial_id", KEY, nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("response_uuid", sa.String(length=36), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("dont_know", sa.Boolean(), nullable=False),
        sa.Column("rt_ms", sa.Double(), nullable=False),
        sa.Column("rt_first_key_ms", sa.Double(), nullable=True),
        sa.Column("exposure_measured_ms", sa.Double(), nullable=True),
        sa.Column("frame_interval_ms", sa.Double(), nullable=True),
        sa.Column("dropped_frames", sa.Integer(), nullable=True),
        sa.Column("presented_again", sa.Boolean(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("client", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_response_session_id_session"),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name="fk_response_trial_id_trial"),
        sa.PrimaryKeyConstraint("id", name="pk_response"),
        sa.UniqueConstraint("response_uuid", name="uq_response_response_uuid"),
        sa.UniqueConstraint("trial_id", name="uq_response_trial_id"),
    )
    op.create_index("ix_response_session_id", "response", ["session_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_response_session_id", table_name="response")
    op.drop_table("response")
    op.drop_index("ix_event_session_id", table_name="event")
    op.drop_table("event")
    op.drop_index("ix_trial_stimulus_id", table_name="trial")
    op.drop_table("trial")
    op.drop_index("ix_stimulus_condition_id", table_name="stimulus")
    op.drop_table("stimulus")
    op.drop_index("ix_session_study_id_outcome_last_seen_at", table_name="session")
    op.drop_index("ix_session_participant_id", table_name="session")
    op.drop_table("session")
    op.drop_table("identity")
    op.drop_table("study_condition")
    op.drop_table("participant")
    op.drop_table("study")
