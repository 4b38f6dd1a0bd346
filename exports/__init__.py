"""What leaves: datasets, figures and reports."""
