"""Audit a file of masks or weights without training; `reports.page.audit` builds the page."""
