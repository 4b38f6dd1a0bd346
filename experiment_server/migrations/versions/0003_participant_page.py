"""The participant's page: timing, confidence, records, exclusions, launching."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
MEASURED: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("onset_ms", sa.Double()),
    ("offset_ms", sa.Double()),
    ("exposure_frames", sa.Integer()),
    ("timing_flags", sa.String(length=200)),
    ("confidence", sa.Integer()),
)


def upgrade() -> None:
    for name, kind in MEASURED:
        op.add_column("response", sa.Column(name, kind, nullable=True))
    op.add_column("session", sa.Column("skipped", sa.Integer(), server_default="0", nullable=False))
    op.add_column("study", sa.Column("launched_at", TIME, nullable=True))
    op.add_column("study", sa.Column("rehearsal", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE study SET launched_at = created_at")
    op.create_table(
        "record",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("record_uuid", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.CheckConstraint(
            "kind IN ('warning', 'calibration', 'comprehension', 'instructed', 'break', 'questionnaire')",
            name=op.f("ck_record_kind"),
        ),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_record_session_id_session"),
        sa.PrimaryKeyConstraint("id", name="pk_record"),
        sa.UniqueConstraint("record_uuid", name="uq_record_record_uuid"),
        sa.UniqueConstraint("session_id", "kind", "name", name="uq_record_session_id_kind_name"),
    )
    op.create_table(
        "exclusion",
        sa.Column("id", KEY, nullable=False),
        sa.Column("participant_id", KEY, nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name="fk_exclusion_participant_id_participant"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_exclusion"),
        sa.UniqueConstraint("participant_id", "rule", name="uq_exclusion_participant_id_rule"),
    )


def downgrade() -> None:
    op.drop_table("exclusion")
    op.drop_table("record")
    op.drop_column("study", "rehearsal")
    op.drop_column("study", "launched_at")
    op.drop_column("session", "skipped")
    for name, _ in MEASURED:
        op.drop_column("response", name)
