"""What ``align`` writes: a summary, tables, figures, and one page to read."""
