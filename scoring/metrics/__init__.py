"""The metrics of the default score, one a file; ``registry`` finds every module here that has a METRIC."""
