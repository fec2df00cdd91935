"""Passes over sets of clips, batch by batch and in several processes, for the statistics of all metrics."""
