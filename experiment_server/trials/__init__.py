"""The trial state machine, which knows nothing of Flask, SQLAlchemy or the clock."""
