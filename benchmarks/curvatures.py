"""Compare OBD's curvatures on the quickstart's data and recipe: partially trained tickets at prune ratio 0.95.

`python benchmarks/curvatures.py` prints a table of test accuracies after retraining.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import yaml
from measuring import ROOT, copy_project
from processes import snakemake

STUDY = "curvatures"
TICKETS = {
    "learning_rate_rewinding": {},
    "hybrid": {},
    "obd": {},
    "obd_sampled_fisher": {"curvature": "sampled_fisher"},
    "obd_empirical_fisher": {"curvature": "empirical_fisher"},
}
OBD = {"scored": "final", "score": "obd", "allocation": "global", "start": "final"}


def study_of(seeds: int) -> str:
    """Return the text of the study; the recipe is the quickstart's."""
    quickstart = yaml.safe_load((ROOT / "config" / "quickstart.yaml").read_text(encoding="utf-8"))
    study = {key: quickstart[key] for key in ("datasets", "networks", "recipe")}
    tickets = {
        name: {**OBD, "score_options": options} if options else {} for name, options in TICKETS.items()
    }
    return json.dumps(
        {
            **study,
            "tickets": tickets,
            "checks": {"initial": [], "partially_trained": []},
            "prune_ratios": [0.95],
            "seeds": list(range(seeds)),
            "tables": ["hybrid"],
        }
    )


def accuracies(seeds: int) -> pd.DataFrame:
    """Run the study in a copy of the project; return test accuracies in percent, seeds x tickets."""
    with tempfile.TemporaryDirectory() as temporary:
        project = copy_project(Path(temporary) / "project", STUDY, study_of(seeds))
        subprocess.run(snakemake(project, STUDY, "--quiet", "all"), cwd=project, check=True)
        (results,) = project.glob("results/**/results.csv")
        runs = pd.read_csv(results)
    return runs[runs["ticket"].isin(TICKETS)].pivot_table(index="seed", columns="ticket", values="accuracy")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    table = accuracies(parser.parse_args().seeds)[list(TICKETS)]
    gaps = table.sub(table["learning_rate_rewinding"], axis=0)
    rows = pd.DataFrame(
        {"mean": table.mean(), "sd": table.std(), "minus LR rewinding": gaps.mean(), "sd of it": gaps.std()}
    )
    print(table.round(2).to_markdown(), rows.round(2).to_markdown(), sep="\n\n")


if __name__ == "__main__":
    main()
