"""Build the report: one HTML page that needs neither a server nor a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from prunepipe.reports.page.cells import by_method, cell_rows, progress
from prunepipe.reports.page.curves import compact_curves
from prunepipe.reports.page.formats import with_minus
from prunepipe.reports.page.mask_views import heat_strips, overlap_rows
from prunepipe.reports.page.methods import comparison_rows, gains_table, method_cards, random_table, tally
from prunepipe.reports.page.paper_tables import paper_tables
from prunepipe.reports.page.plates import plates
from prunepipe.reports.page.prediction import prediction_rows
from prunepipe.reports.page.rendering import asset, render
from prunepipe.results.collected import Collected
from prunepipe.results.labels import dataset_label, network_label
from prunepipe.study.study import Study
from prunepipe.verdicts.answer import answer_lines
from prunepipe.verdicts.judge import Judgement


def build_report(
    data: Collected,
    judgement: Judgement,
    study: Study,
    figures: Mapping[str, str],
    file: Path | None = None,
) -> str:
    """Build the report of a study, finished or still running.

    Args:
        data: results, and layers, histories and overlap as far as they exist; missing runs are marked.
        judgement: of these results.
        study: the study.
        figures: SVG text by name; the page marks missing figures as not drawn yet.
        file: of the study, for the commands that make runs again; default: config/NAME.yaml.
    Returns:
        An HTML page; the same input makes the same bytes.
    """
    cells = cell_rows(data.results, study, file)
    comparisons, random = comparison_rows(judgement), random_table(judgement)
    cards = method_cards(judgement, study, comparisons, random["chips"])
    drawn = {plate["name"]: plate for plate in plates(figures, study)}
    script = asset("report.js")
    return render(
        "page.html.j2",
        study=study,
        settings=study.model_dump_json(indent=1, exclude_none=True),
        progress=progress(data.results),
        unprunable=_unprunable(data),
        flags=judgement.flags,
        answer=[with_minus(line) for line in answer_lines(judgement.against_random.to_dict("records"))],
        random=random,
        main_plate=drawn.pop("effects"),
        cards=cards,
        tally=tally(cards),
        comparisons=comparisons,
        gains=gains_table(judgement),
        tables=paper_tables(data.results, study),
        cells=cells,
        predictions=prediction_rows(data.results),
        methods=list(by_method(cells)),
        plates=list(drawn.values()),
        strips=heat_strips(data, study),
        overlaps=overlap_rows(data.overlap),
        curves=compact_curves(data.histories),
        provenance=judgement.provenance,
        script=Markup(script),
        script_checksum=_checksum(script),
    )


def _unprunable(data: Collected) -> list[str]:
    """Return a sentence for every network whose layers are largely of types that are not pruned."""
    return [
        f"{structure.unprunable:.0%} of the weights in the matrices of {network_label(network)} on "
        f"{dataset_label(dataset)} stay dense, because their layers are of no prunable type."
        for (dataset, network), structure in data.structures.items()
        if structure.unprunable
    ]


def _checksum(script: str) -> str:
    """Return the checksum by which the page's content policy allows this script and no other."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")
