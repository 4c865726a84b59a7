"""The study: what to run, typed and checked before any job; where its results are stored is in `results`."""
