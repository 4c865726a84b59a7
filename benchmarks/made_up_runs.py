"""Create artificial runs of a large study, collect and judge them; separate from growth.py, which imports torch."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import pandas as pd

from prunepipe.artifacts import write_json
from prunepipe.study.study import Study

ROOT = Path(__file__).parents[1]


def _study(runs: int) -> Study:
    sys.path.insert(0, str(ROOT / "tests"))
    from simulated_results import make_paper_study

    one = make_paper_study(1)
    return make_paper_study(max(2, round(runs / (len(list(one.cells())) + len(list(one.dense_runs()))))))


def _write_runs(study: Study, root: Path) -> None:
    """Write the artificial files that `collect` reads."""
    from simulated_results import make_histories, make_layers, make_results, make_structure

    frame = make_results(study)
    layers = dict(iter(make_layers(study, frame, make_structure()).groupby("run")))
    curves = dict(iter(make_histories(frame).groupby("run")))
    dropped = ["status", "cause", "run", "seconds", "device"]
    for row in frame.to_dict("records"):
        folder = root / row["run"]
        folder.mkdir(parents=True)
        texts = {
            "metrics": {key: value for key, value in row.items() if key not in dropped and pd.notna(value)},
            "timing": {"seconds": [row["seconds"]], "device": "cpu"},
            "history": {"epochs": curves[row["run"]].drop(columns="run").to_dict("records")},
        }
        if row["run"] in layers:
            texts["layers"] = {
                "layers": layers[row["run"]].drop(columns=["run", "position"]).to_dict("records")
            }
        for name, value in texts.items():
            write_json(folder / f"{name}.json", value)


def _measure(study: Study, root: Path) -> None:
    from prunepipe.reports.tables import build_table, to_latex, to_markdown
    from prunepipe.results.table import collect, histories, layers
    from prunepipe.verdicts.judge import judge

    clock = time.perf_counter()
    frame = collect(study, root)
    layers(frame["run"], root)
    histories(frame["run"], root)
    seconds: dict[str, float] = {"runs": len(frame), "collect": time.perf_counter() - clock}
    assert (frame["status"] == "done").all()
    clock = time.perf_counter()
    for name in study.tables:
        table = build_table(name, frame, study)
        to_markdown(table, study)
        to_latex(table, study)
    seconds["tables"] = time.perf_counter() - clock
    clock = time.perf_counter()
    judge(frame, study)
    seconds["verdicts"] = time.perf_counter() - clock
    (root / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure one size; `benchmark.py` calls this.")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="make the runs up instead of measuring")
    arguments = parser.parse_args()
    (_write_runs if arguments.write else _measure)(_study(arguments.runs), arguments.folder)
