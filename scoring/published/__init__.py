"""The published method, exactly: its metrics, one a file, their registry, and its scorer."""
