"""Figures as SVG text: no window, no global state, the same bytes for the same data."""
