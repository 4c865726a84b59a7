"""Results: where they are stored, how they are collected, which code made them; `verdicts` interprets them."""
