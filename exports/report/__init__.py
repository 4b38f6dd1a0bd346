"""A study's report: one HTML file that needs nothing else, not even a network or a script."""
