"""Results: where they lie, how they are collected, which code made them; what they say is in `verdicts`."""
