"""What README and docs show of studies is what their shipped results say."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("show_results", ROOT / "docs" / "drawings" / "show_results.py")
show_results = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(show_results)
STUDIES = sorted(path.stem for path in show_results.SHOWN.glob("*.csv"))
PAGES = [page for page in show_results.pages() if show_results.BLOCK.search(page.read_text(encoding="utf-8"))]


def test_readme_and_docs_show_studies():
    assert ROOT / "README.md" in PAGES
    assert STUDIES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_is_what_the_shipped_results_say(page):
    text = page.read_text(encoding="utf-8")
    assert {name for name, _ in show_results.BLOCK.findall(text)} <= set(STUDIES)
    assert show_results.with_blocks(text, set(STUDIES)) == text, (
        "run: python docs/drawings/show_results.py STUDY RESULTS --processor PROCESSOR"
    )


@pytest.mark.parametrize("name", STUDIES)
def test_shown_studies_are_whole_and_name_their_processor_but_no_path(name):
    results, study, processor = show_results.shown(name)
    assert len(processor) > 5
    assert results["study"].eq(study.name).all()
    assert "/tmp" not in (show_results.SHOWN / f"{name}.json").read_text(encoding="utf-8")


def test_a_changed_number_is_noticed():
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    name, kind = show_results.BLOCK.findall(text)[0]
    broken = text.replace(f"<!-- {name}: {kind} -->\n", f"<!-- {name}: {kind} -->\nwrong ", 1)
    assert show_results.with_blocks(broken, set(STUDIES)) == text
