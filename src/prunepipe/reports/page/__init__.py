"""The page: one self-contained HTML report of a study; the figures on it are drawn in `reports.plots`."""

from prunepipe.reports.page.page import build_report

__all__ = ["build_report"]
