"""The page that links the reports of all studies."""

import re
from pathlib import Path

from prunepipe.reports.all_studies import PAGE, write_page


def report(root: Path, place: str, study: str) -> None:
    """Write a report."""
    folder = root / place
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    (folder / "results.csv").write_text(f"study,ticket\n{study},snip\n")


def test_every_report_is_linked_by_a_path_that_leads_to_it(tmp_path: Path) -> None:
    report(tmp_path, "results", "a")
    assert write_page(tmp_path) is None  # nothing to choose from
    report(tmp_path, "results/studies/b", "b <b>")
    report(tmp_path, "results/studies/c/partial", "c")
    report(tmp_path, "judged/mine/results", "mine")
    page = write_page(tmp_path)
    assert page == tmp_path / PAGE
    text = page.read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)">([^<]+)</a>', text)
    assert [name for _, name in links] == ["a", "b &lt;b&gt;", "c", "mine"]
    assert all((page.parent / link).is_file() for link, _ in links)
    assert text.count("not all runs were finished") == 1
