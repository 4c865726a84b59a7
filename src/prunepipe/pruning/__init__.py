"""Pruning: scores, allocations, masks, checks and tickets; which of them a study combines is in `study`."""
