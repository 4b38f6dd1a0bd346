"""The participant HTTP API, version 1."""
