"""Planning: the cost of a study in runs, hours and disk; `study.feasibility` checks whether it can run."""
