"""How alike people and models recognise: reliability, consistency of errors, curves, geometry."""
