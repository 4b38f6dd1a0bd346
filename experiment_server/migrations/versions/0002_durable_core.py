"""The durable core: Prolific's IDs in one table, allowances, leases, jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
LINK_IDS = ("prolific_study_id", "prolific_session_id")


def upgrade() -> None:
    with op.batch_alter_table("identity") as identity:
        identity.alter_column("prolific_pid", type_=sa.Text(), existing_type=sa.String(128))
        for name in LINK_IDS:
            identity.add_column(sa.Column(name, sa.Text(), nullable=True))
    op.execute(
        "UPDATE identity SET prolific_study_id = session.prolific_study_id, "
        "prolific_session_id = session.prolific_session_id "
        "FROM session WHERE session.participant_id = identity.participant_id"
    )
    for name in LINK_IDS:
        op.drop_column("session", name)
    if op.get_bind().dialect.name == "postgresql":
        _write_sessions_anew()
    op.add_column("session", sa.Column("allowance", sa.Double(), nullable=True))
    op.add_column("session", sa.Column("allowance_at", TIME, nullable=True))
    op.create_table(
        "caller",
        sa.Column("address_hmac", sa.String(length=64), nullable=False),
        sa.Column("allowance", sa.Double(), nullable=False),
        sa.Column("allowance_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("address_hmac", name="pk_caller"),
    )
    op.create_index("ix_caller_allowance_at", "caller", ["allowance_at"], unique=False)
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "job",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('export', 'report', 'score')", name=op.f("ck_job_kind")),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_job_state")),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
    )
    op.create_index("ix_job_state_id", "job", ["state", "id"], unique=False)


def _write_sessions_anew() -> None:
    """Let PostgreSQL write the table's rows to a new file, where a dropped column's values are no more."""
    op.execute("ALTER TABLE session ALTER COLUMN seed TYPE bigint USING seed + 0")


def downgrade() -> None:
    """Encrypted IDs stay as they are; an older version cannot read them."""
    op.drop_table("job")
    op.drop_table("lease")
    op.drop_table("caller")
    op.drop_column("session", "allowance_at")
    op.drop_column("session", "allowance")
    for name in LINK_IDS:
        op.add_column("session", sa.Column(name, sa.String(length=128), nullable=True))
        op.execute(
            f"UPDATE session SET {name} = (SELECT identity.{name} FROM identity "
            "WHERE identity.participant_id = session.participant_id)"
        )
    with op.batch_alter_table("identity") as identity:
        for name in LINK_IDS:
            identity.drop_column(name)
        identity.alter_column("prolific_pid", type_=sa.String(128), existing_type=sa.Text())
