"""The documentation: everything is in it, every link and every named test exists, and it builds without warnings."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from prunepipe import FLOORS
from prunepipe.planning.costs import plan
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.scores import SCORES
from prunepipe.study.built_in import CHECKS, TICKETS
from prunepipe.study.feasibility import refuse_impossible
from prunepipe.study.loading import load_site, load_study
from prunepipe.study.rows import USUAL_LOOKS
from prunepipe.study.study import Study
from prunepipe.verdicts.boundaries import Levels, state_at, thresholds
from prunepipe.verdicts.evidence import evidence
from prunepipe.verdicts.readings import READINGS
from prunepipe.verdicts.tails import own_tail
from prunepipe.verdicts.words import WORDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "prunepipe"
PAGES = sorted(DOCS.glob("*.md"))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAMED_TEST = re.compile(r"\btest_\w+\b(?!\.py)")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def headings(text: str) -> set[str]:
    """Return the anchors that the headings of a page become."""
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\s-]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def with_footnotes(text: str) -> str:
    """Return a page with the text of each footnote where it is called."""
    notes = dict(re.findall(r"^\[\^(\d+)\]: (.*)$", text, re.M))
    return re.sub(r"\[\^(\d+)\](?!:)", lambda call: f" ({notes[call[1]]})", text)


def nav_pages(entries: list[object]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        parts = entry if isinstance(entry, str) else next(iter(entry.values()))  # type: ignore[attr-defined]
        found |= {parts} if isinstance(parts, str) else nav_pages(parts)
    return found


def site() -> dict[str, object]:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    values: dict[str, object] = yaml.safe_load(text)
    return values


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_of_a_page_resolve(path: Path) -> None:
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        assert file.is_file(), f"{path.name}: {link}"
        if anchor:
            assert anchor in headings(file.read_text(encoding="utf-8")), f"{path.name}: {link}"


def test_every_page_is_in_the_navigation_or_part_of_another() -> None:
    listed = nav_pages(site()["nav"])  # type: ignore[arg-type]
    included = {name for path in PAGES for name in re.findall(r'--8<-- "docs/(\w+\.md)', path.read_text())}
    assert listed | included == {path.name for path in PAGES}
    assert not listed & included


def test_the_architecture_page_lists_every_room_in_its_own_words_from_the_ground_up() -> None:
    rooms = [room for floor in FLOORS[1:] for room in floor]
    said = {
        room: ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())) or ""
        for room in rooms
    }
    rows = [f"| `{room}` | {said[room].splitlines()[0]} |" for room in rooms]
    assert "\n".join(rows) in page("architecture.md")


def test_the_drawing_of_the_rooms_shows_every_room() -> None:
    drawing = (DOCS / "images" / "rooms.svg").read_text(encoding="utf-8")
    assert all(f">{room}</text>" in drawing for floor in FLOORS for room in floor)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_test_that_a_page_names_exists(path: Path) -> None:
    sources = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    existing = set(re.findall(r"def (test_\w+)", sources))
    existing |= {file.stem for file in (ROOT / "tests").rglob("test_*.py")}
    existing |= {"test_images", "test_labels"}  # names of arrays
    text = re.sub(r"tests/\w+\.py", "", path.read_text(encoding="utf-8"))
    assert set(NAMED_TEST.findall(text)) <= existing


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_tests_are_named_in_footnotes_and_columns_not_in_sentences(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    prose = re.sub(r"^\[\^\d+\]: .*$|^\|.*\|$", "", text, flags=re.M)
    assert re.findall(r"`test_\w+(?<!_images)(?<!_labels)`", prose) == []
    assert re.findall(r"^\[\^\d+\]: .*\n\|.*", text, re.M) == []  # a row below the notes is no row
    calls, notes = (set(re.findall(rf"\[\^(\d+)\]{end}", text, re.M)) for end in ("(?!:)", ":"))
    assert calls == notes


YAML = [
    (path.name, title, text)
    for path in [ROOT / "README.md", *PAGES]
    for title, text in re.findall(
        r'^```yaml(?: title="([^"]+)")?\n(.*?)^```', path.read_text(encoding="utf-8"), re.M | re.S
    )
]
STUDY = {
    "name": "page",
    "datasets": ["cifar10"],
    "networks": ["vgg19"],
    "recipe": {"epochs": 100, "learning_rate": 0.1},
    "tickets": ["snip"],
    "prune_ratios": [0.9],
    "seeds": [0],
}


@pytest.mark.parametrize(("title", "text"), [block[1:] for block in YAML], ids=[block[0] for block in YAML])
def test_every_piece_of_configuration_on_a_page_is_accepted(title: str, text: str) -> None:
    values = yaml.safe_load(text)
    if title == "config.yaml":
        load_site(values)
    else:
        piece = {"tickets": values} if title == "a row of tickets" else values
        refuse_impossible(Study.model_validate({**STUDY, **piece}))


def test_every_built_in_ticket_is_explained_with_its_choices() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page("zoology.md").partition("## The mask")[0], re.M))
    assert set(rows) == set(TICKETS)
    for name, row in TICKETS.items():
        scored, score, allocation, start, schedule, _ = rows[name].split(" | ")
        assert (scored, start, schedule) == (row["scored"], row["start"], row.get("schedule", "full")), name
        assert score.startswith(f"`{row['score']}`"), name
        assert allocation == f"`{row['allocation']}`", name


def test_every_score_has_a_section_with_a_formula_and_a_test() -> None:
    scores = with_footnotes(page("zoology.md")).partition("## Scores")[2].partition("## Allocations")[0]
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", scores, re.M | re.S))
    assert set(sections) == set(SCORES)
    for name, section in sections.items():
        assert "$$" in section, name
        assert NAMED_TEST.search(section), name


def test_every_allocation_is_explained_under_its_function() -> None:
    text = page("zoology.md").partition("## Allocations")[2]
    functions = dict(re.findall(r"^\| `(\w+)` \|.*?`(prunepipe\.[\w.]+)`", text, re.M))
    assert set(functions) == set(ALLOCATIONS)
    for name, place in functions.items():
        module, _, function = place.rpartition(".")
        assert load_function(f"{module}:{function}") is load_function(ALLOCATIONS[name].function), name


def test_every_check_is_explained_with_its_stage() -> None:
    stages = dict(re.findall(r"^\| `(\w+)` \| ([\w –]+) \|", page("checks.md"), re.M))
    words = {"data": "data", "score": "scores", "mask": "mask", "weights": "start weights"}
    built_in = {name: words.get(row.stage, "–") for name, row in CHECKS.items()}
    assert {name: stage for name, stage in stages.items() if name not in words} == built_in


def test_the_page_on_verdicts_has_every_word_and_the_checks_that_count() -> None:
    text = page("verdicts.md")
    assert set(re.findall(r"^\| `([\w ]+)` \|", text, re.M)) == set(WORDS)
    for kind, checks in READINGS.items():
        _, _, shows, vetoes, _ = next(
            line for line in text.splitlines() if line.startswith(f"| {kind} |")
        ).split("|")
        assert set(re.findall(r"`(\w+)`", shows)) == {name for name, read in checks.items() if read.part}
        assert set(re.findall(r"`(\w+)`", vetoes)) == {name for name, read in checks.items() if read.veto}


def test_the_worked_example_of_a_verdict_is_what_the_code_computes() -> None:
    text = page("verdicts.md").replace("−", "-")
    differences = np.array(re.search(r"are ((?:-[\d.]+ ?){8})\.\n", text)[1].split(), dtype=float)
    drawn = np.pad(differences, (0, 12), constant_values=np.nan)[None, None]
    reached = np.arange(5)[None, None] < 3
    found = evidence(drawn, looks=USUAL_LOOKS, margin=0.5, reached=reached)
    rows = re.findall(r"^\| \d seeds \|(.+)\|$", text, re.M)
    for look, (seeds, row) in enumerate(zip((3, 5, 8), rows, strict=True)):
        mean, spread, t, plain, share, p, at_all_looks = map(float, row.split("|"))
        own = differences[:seeds]
        exact = -own.mean() / own.std(ddof=1) * np.sqrt(seeds)
        skewed = found.peers.skewed[0, 0, look]
        assert (mean, spread, t) == pytest.approx((own.mean(), own.std(ddof=1), exact), abs=0.0051)
        assert (plain, share) == pytest.approx((stats.t.sf(exact, seeds - 1), skewed), rel=0.03)
        assert p == pytest.approx(float(own_tail(exact, seeds, skewed)), rel=0.04)
        assert at_all_looks == pytest.approx(found.harm[0, 0, look], rel=0.03)
    level = np.full((1, 1), 0.05)
    state = state_at(found, np.full((1, 1), 2), Levels(level, level), np.ones((1, 1), bool))
    harm, _ = thresholds(state, USUAL_LOOKS, 0.5)
    assert f"below {harm[0]:.2f} is `uses`" in text


def test_the_drawing_of_a_cell_shows_every_check() -> None:
    drawing = (DOCS / "images" / "pipeline.svg").read_text(encoding="utf-8")
    shown = set(re.findall(r">(\w+)</text>", drawing))
    assert set(CHECKS) - {"none"} <= shown, "run: python docs/drawings/draw_pipeline.py"


def test_every_picture_is_used_and_has_words_for_those_who_cannot_see_it() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in [*PAGES, ROOT / "README.md"])
    described = {place: words for words, place in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", texts)}
    assert {f"images/{path.name}" for path in (DOCS / "images").iterdir()} <= {
        place.removeprefix("docs/") for place in described
    }
    assert all(len(words) > 20 for words in described.values())


@pytest.mark.parametrize("study", ["paper", "tiny_imagenet"])
def test_the_costs_on_the_page_are_those_of_the_plan(study: str) -> None:
    costs = plan(load_study(ROOT / "config" / f"{study}.yaml"))
    row = next(line for line in page("clusters.md").splitlines() if line.startswith(f"| `{study}` ("))
    assert costs.flops is not None
    counted = [f"{n:,}" for n in (costs.runs, costs.runs_not_shared, costs.epochs)]
    assert row.split(" | ")[1:5] == [*counted, f"{costs.flops / 1e18:.3g} EFLOP"]


def test_the_time_on_gpus_follows_from_the_table_above_it() -> None:
    text = page("clusters.md")
    rows = re.findall(r"^\| (?:the reference's scripts|the whole step .*) \| (\S+) \| (\S+) \|$", text, re.M)
    reference, graphs = ((float(vgg) + float(resnet)) / 2 for vgg, resnet in rows)
    epochs = plan(load_study(ROOT / "config" / "paper.yaml")).epochs
    assert f"`paper` ({epochs:,} epochs, half of them of each network)" in text
    assert f"{epochs * reference / 86400:.0f} GPU-days" in text
    assert f"{epochs * graphs / 3600:.0f} GPU-hours" in text


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="pip install -e .[docs]")
def test_the_site_builds_without_warnings_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "", "")
    for path in tmp_path.glob("*.html"):
        html = path.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"', html)
        loaded += re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect)"[^>]+href="(https?:[^"]+)"', html)
        assert loaded == [], path.name
        assert "arithmatex" not in html, path.name
    assert "<math" in (tmp_path / "zoology.html").read_text(encoding="utf-8")
