"""Simulated participants: the participants' HTTP contract, spoken as a browser speaks it."""
