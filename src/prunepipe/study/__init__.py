"""The study: what to run, typed and checked before any job; where its results lie is in `results`."""
