"""What the results say: paired effects, verdicts on methods, where their accuracy comes from. No torch."""
