"""The report: what it says, that it needs nothing else, and that no text of a run becomes markup."""

import base64
import json
import re
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from report_pages import DRAWING, STUDY, Page, complete_results, make_report, report_of
from simulated_results import lose, make_collected, make_paper_study, make_results, make_study

from prunepipe.reports.page.cells import cell_rows
from prunepipe.reports.page.formats import interval_of_mean, number, with_minus
from prunepipe.reports.tables import build_table
from prunepipe.results.collected import read_frame, write_frame
from prunepipe.verdicts.answer import answer_lines
from prunepipe.verdicts.judge import judge

HOSTILE = "error: </script><script>alert(1)</script><img src=x onerror=alert(2)> & \"quotes' {{ 7*7 }}"


@pytest.fixture(scope="module")
def html():
    return make_report()


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_begins_with_the_answer_its_table_and_the_main_figure(page):
    judgement = judge(complete_results(), STUDY)
    section = page.find("section")[0]
    assert section.attributes["id"] == "answer"
    for line in answer_lines(judgement.against_random.to_dict("records")):
        assert with_minus(line) in section.text
    rows = [row for row in section.below() if row.tag == "tr"][1:]
    assert [row.text.split(" ")[0] for row in rows] == ["Lottery", "LR", "Hybrid"]
    assert "random 93." in section.text
    first = next(element for element in page.root.below() if element.tag == "figure")
    assert first.attributes["id"] == "figure-effects"


def test_a_study_without_a_random_ticket_says_what_it_lacks():
    study = make_study(tickets=("lottery", "hybrid"))
    page = Page(make_report(make_collected(study), study))
    assert "no random ticket, so no method can be compared with one" in page.find("section")[0].text


def test_there_is_a_card_for_every_method_also_for_those_without_checks():
    study = make_study(tickets={"lottery": {}, "random": {"checks": []}})
    page = Page(make_report(make_collected(study), study))
    cards = page.find("li", class_="card")
    assert [card.text.split()[0] for card in cards] == ["Lottery", "Random"]
    assert "not checked" in cards[1].text
    assert f"{len(cards)} methods on" in page.one("p", class_="facts").text


def test_flags_are_the_first_thing_on_the_page_and_caveats_stand_by_their_verdicts():
    results = make_results(STUDY).assign(unreachable_outputs=2)
    results["chance"] = np.where(results["ticket"] == "full_network", 99.0, np.nan)
    page = Page(report_of(results))
    banner = page.one("div", class_="banner")
    assert banner.attributes["role"] == "alert"
    assert "Not to be trusted: the dense network reaches 93." in banner.text
    ceiling = make_results(STUDY).assign(unreachable_outputs=2)
    page = Page(report_of(ceiling))
    assert page.find("p", class_="caveat")
    section = page.one("section", id="verdicts").text
    assert "partial layer collapse in 3 of 3 networks with the check, 3 without" in section
    assert "ceiling: random pruning does as well as no pruning here" in section


def test_after_the_answer_comes_one_card_a_method_and_its_checks(page):
    judgement = judge(complete_results(), STUDY)
    cards = page.find("li", class_="card")
    assert [card.text.split()[0] for card in cards] == ["Lottery", "Random", "LR", "Hybrid"]
    for card, row in zip(cards, judgement.summaries.to_dict("records"), strict=True):
        assert row["why"] in card.text
        assert row["summary"] in card.text
        chips = [link for link in card.below() if link.tag == "a"]
        checks = len(STUDY.checks_of(row["ticket"])) - 1
        against_random = row["ticket"] != "random"
        assert len(chips) == (checks + against_random) * len(STUDY.prune_ratios)
    sections = [section.attributes["id"] for section in page.find("section")]
    assert sections == [
        "answer",
        "verdicts",
        "figures",
        "tables",
        "cells",
        "prediction",
        "masks",
        "runs",
        "provenance",
    ]


def test_every_mean_and_interval_of_the_tables_is_on_the_page(page):
    papers = page.find("table", class_="paper")
    assert len(papers) == len(STUDY.tables)
    for name, paper in zip(STUDY.tables, papers, strict=True):
        table = build_table(name, complete_results(), STUDY)
        for row in table.itertuples():
            assert row.label in paper.text
            assert number(row.mean) in paper.text
            if row.collapsed < row.n:
                assert f"[{number(row.ci_low)}, {number(row.ci_high)}]" in paper.text


def test_cells_agree_with_the_tables(page):
    table = build_table("initial_checks", complete_results(), STUDY)
    cells = {cell["command"]: cell for cell in cell_rows(complete_results(), STUDY)}
    for row in table.itertuples():
        cell = cells[row.command]
        assert cell["mean"] == number(row.mean)
        assert cell["interval"] == interval_of_mean(row.ci_low, row.ci_high, row.n)
        assert (cell["count"], cell["collapsed"]) == (row.n, row.collapsed)


def test_every_cell_leads_to_its_runs_and_the_command_that_remakes_them(page):
    results = complete_results()
    rows = [row for row in page.one("table", id="cells-table").below() if "data-state" in row.attributes]
    cells = results.groupby(["ticket", "check", "prune_ratio"]).ngroups
    assert len(rows) == cells
    commands = {element.text for element in page.find("div", class_="command")}
    assert len(commands) == cells
    assert (
        "snakemake results/runs/simulated/cifar10/vgg19/tickets/hybrid/half_dataset/p0.9/seed{0,1,2}/metrics.json"
        " --force --cores 1 --config study=simulated"
    ) in commands
    for row in rows:
        link = next(element for element in row.below() if element.tag == "a")
        assert page.one("details", id=link.attributes["href"][1:]).attributes["class"] == "cell"


def test_nothing_is_loaded_from_elsewhere(page, html):
    for element in page.root.below():
        for name in ("src", "href", "action", "poster", "srcset"):
            address = element.attributes.get(name)
            assert address is None or address.startswith(("#", "data:")), address
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/)", html)
    policy = next(meta for meta in page.find("meta") if "http-equiv" in meta.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'")


def test_the_page_is_sound_for_keyboards_and_screen_readers(page):
    ids = [element.attributes["id"] for element in page.root.below() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in page.root.below():
        for name in ("href", "aria-labelledby"):
            target = element.attributes.get(name, "")
            inside = target.startswith("#") or (name == "aria-labelledby" and target)
            assert not inside or target.lstrip("#") in ids
    assert page.one("html").attributes["lang"] == "en"
    assert len(page.find("main")) == len(page.find("h1")) == 1
    levels = [int(tag.tag[1]) for tag in page.root.below() if re.fullmatch("h[1-6]", tag.tag)]
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert all(image.attributes["alt"] for image in page.find("img"))
    assert all("scope" in heading.attributes for heading in page.find("th"))


def test_what_is_wide_scrolls_inside_a_box_that_the_keyboard_reaches(page):
    for wide in [*page.find("table"), *page.find("pre"), *page.find("img")]:
        boxes = [box for box in wide.above() if box.attributes.get("role") == "region"]
        assert boxes[0].attributes["tabindex"] == "0"
        assert boxes[0].attributes["aria-label"]


def test_figures_are_embedded_and_a_missing_one_is_marked(html):
    page = Page(make_report(figures={"overlap": DRAWING}))
    image = page.one("img")
    drawn = base64.b64decode(image.attributes["src"].partition("base64,")[2]).decode()
    assert drawn == DRAWING.replace("<!-- seen -->", "")
    assert (image.attributes["width"], image.attributes["height"]) == ("126", "63")
    absent = [figure for figure in page.find("figure") if "Not drawn yet." in figure.text]
    assert len(absent) == 5
    assert "Not drawn yet." not in html


def test_a_running_study_says_how_far_it_is_and_why_runs_are_missing():
    results = lose(complete_results(), seed=2)
    results = lose(results, "error: the disk is full.", ticket="hybrid", seed=1)
    page = Page(report_of(results))
    done, expected = (results["status"] == "done").sum(), len(results)
    banner = page.one("div", class_="banner")
    assert f"{done} of {expected} runs done." in banner.text
    assert f"{expected - done} runs: error: the disk is full." in banner.text
    gaps = [row for row in page.find("tr") if "gap" in row.attributes.get("data-state", "")]
    assert len(gaps) == results.groupby(["ticket", "check", "prune_ratio"]).ngroups
    assert "missing: error: the disk is full." in page.one("section", id="runs").text
    assert not Page(make_report()).find("div", class_="banner")


def test_a_study_before_its_first_run_has_a_report(tmp_path):
    write_frame(tmp_path / "results.csv", lose(complete_results(), "not started", study="simulated"))
    results = read_frame(tmp_path / "results.csv")
    empty = make_collected(STUDY, complete_results())
    data = replace(
        empty,
        results=results,
        layers=pd.DataFrame(columns=["run", "layer"]),
        histories=pd.DataFrame(columns=["run", "epoch"]),
        overlap=pd.DataFrame(),
    )
    page = Page(make_report(data, figures={}))
    assert f"0 of {len(results)} runs done." in page.one("div", class_="banner").text
    assert "No mask has been made yet." in page.one("section", id="masks").text


def test_no_text_of_a_run_becomes_markup():
    results = lose(complete_results(), HOSTILE, seed=2)
    results.loc[results["seed"] == 0, "code"] = HOSTILE
    data = make_collected(STUDY, results)
    data = replace(data, histories=data.histories.assign(run=HOSTILE))
    data = replace(data, layers=data.layers.assign(layer=HOSTILE))
    html = make_report(data)
    page = Page(html)
    assert len(page.find("script")) == 2
    assert not [
        element for element in page.root.below() if any(name[:2] == "on" for name in element.attributes)
    ]
    assert HOSTILE in page.one("section", id="runs").text
    assert HOSTILE in json.loads(page.one("script", id="curves").text)
    assert "49" not in page.one("div", class_="banner").text


def test_the_same_results_make_the_same_bytes(html):
    assert make_report() == html


def test_two_thousand_runs_fit():
    study = make_paper_study(8)
    data = make_collected(study, make_results(study, collapse=True), epochs=160)
    assert len(data.results) > 2000
    start = time.process_time()  # not the wall: other tests run beside this one
    html = make_report(data, study)
    assert time.process_time() - start < 20
    assert len(html.encode()) < 5e6
    assert '<table class="chips">' in html


def test_collapsed_and_dead_layers_are_marked(page):
    assert page.find("td", class_="heat-none")
    assert "collapsed" in page.one("section", id="tables").text
    assert [row for row in page.find("tr") if row.attributes.get("data-state") == "complete collapsed"]


def test_one_seed_and_one_method_make_a_page():
    study = make_study(tickets=("lottery",), seeds=[0], prune_ratios=[0.9])
    page = Page(make_report(make_collected(study), study))
    assert "1 undecided." in page.one("section", id="verdicts").text


def test_a_network_that_stays_dense_in_large_parts_is_named_once(html):
    study = make_study(tickets=("lottery",), seeds=[0], prune_ratios=[0.9])
    data = make_collected(study)
    partly = {place: replace(structure, unprunable=0.38) for place, structure in data.structures.items()}
    noted = make_report(replace(data, structures=partly), study)
    assert noted.count("38% of the weights in the matrices of") == len(data.structures)
    assert "stay dense" not in html
