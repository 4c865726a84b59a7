"""Verdicts: from results to paired effects and words, without torch; how a page shows them is in `reports`."""
