"""The design of an experiment: pure functions of a study file, a manifest and a random generator."""
