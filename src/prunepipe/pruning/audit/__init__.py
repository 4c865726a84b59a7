"""Audits: what anybody's file of masks or weights holds, and what is wrong; its page is in `reports.page.audit`."""
