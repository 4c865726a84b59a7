"""Planning: what a study will cost in runs, hours and disk; whether it can run is in `study.feasibility`."""
