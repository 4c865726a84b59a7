"""Reports: tables, plots and the page; the numbers come from `results`, the words from `verdicts`."""
