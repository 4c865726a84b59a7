"""The report of a study: one self-contained HTML page, made from templates. No torch."""

from prunepipe.report.page import build_report

__all__ = ["build_report"]
