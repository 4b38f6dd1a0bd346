"""The published metrics, one a file, and their registry."""
