"""Audit: what a file of masks or weights holds, without training; `reports.page.audit` builds the page."""
