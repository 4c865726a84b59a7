"""Audits: what anybody's file of masks or weights holds, and what is wrong with it; its page is in `reports.page.audit`."""
