"""Results: every run of a study has a row, the missing ones say why, and files keep what memory held."""

import subprocess
import sys
from fnmatch import filter as filter_paths
from itertools import product

import numpy as np
import pandas as pd
import pytest
from simulated_results import lose, make_results, make_structure, make_study

from prunepipe.artifacts import write_arrays, write_json
from prunepipe.errors import ArtifactError
from prunepipe.reports.tables import build_table, to_markdown
from prunepipe.results.collected import read_collected, read_frame, write_frame
from prunepipe.results.layout import ANY_RATIO, NETWORK, mask_paths, runs, structure_path
from prunepipe.results.logs import complaint
from prunepipe.results.mask_overlap import mask_overlaps
from prunepipe.results.table import COLUMNS, collect, histories, layers
from prunepipe.results.watching import study_progress
from prunepipe.stages.settings import score_id
from prunepipe.stages.upstream import upstream_of
from prunepipe.study.study import Study

METRICS = {
    "accuracy": 90.0,
    "best_accuracy": 91.0,
    "loss": 0.3,
    "density": 0.1,
    "effective_density": 0.09,
    "dead_units": 3,
    "unreachable_outputs": 0,
    "collapsed": False,
    "epochs": 2,
}
LAYER = {
    "layer": "features.0.weight",
    "kind": "conv",
    "size": 10,
    "kept": 1,
    "units": 16,
    "dead_units": 10,
}


def write_runs(study, root):
    for place, folder in enumerate(run.folder for run in runs(study)):
        write_json(root / folder / "metrics.json", {**METRICS, "accuracy": float(place)})
        write_json(root / folder / "timing.json", {"seconds": [1.0, 2.5], "device": "cpu"})
        write_json(
            root / folder / "history.json",
            {"epochs": [{"epoch": 1, "test_accuracy": 5.0}, {"epoch": 2, "test_accuracy": 6.0}]},
        )
        if "/tickets/" in folder:
            write_json(root / folder / "layers.json", {"layers": [LAYER, LAYER]})


@pytest.fixture
def study():
    return make_study(seeds=[0, 1], prune_ratios=[0.9])


@pytest.fixture
def tree(study, tmp_path):
    write_runs(study, tmp_path)
    return tmp_path


def test_collect_gives_one_row_a_run_in_the_order_of_the_study(study, tree):
    results = collect(study, tree)
    folders = [run.folder for run in runs(study)]
    assert list(results.columns) == list(COLUMNS)
    assert list(results["run"]) == folders
    assert list(results["accuracy"]) == list(range(len(folders)))
    assert set(results["status"]) == {"done"}
    assert set(results["seconds"]) == {3.5}


def test_dense_runs_are_the_full_network_under_the_check_that_changed_their_data(study, tree):
    dense = collect(study, tree).query("ticket == 'full_network'")
    assert set(dense["check"]) == {"none", "corrupted_data", "half_dataset"}
    assert set(dense["prune_ratio"]) == {0.0}


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (None, "not started"),
        ("epoch 1\nerror: data/cifar10: no such file.\nstopped\n", "error: data/cifar10: no such file."),
        ("epoch 1\nstopped by signal 15\n", "stopped by signal 15"),
        ("epoch 1\n", "not finished: retrain was the last stage"),
    ],
)
def test_a_run_without_metrics_is_a_row_with_its_cause(study, tree, log, cause):
    folder = tree / list(runs(study))[3].folder
    (folder / "metrics.json").unlink()
    if log:
        (folder / "retrain.log").write_text(log)
    lost = collect(study, tree).iloc[3]
    assert (lost["status"], lost["cause"]) == ("missing", cause)
    assert pd.isna(lost["accuracy"])


@pytest.mark.parametrize(("units", "dead", "narrow"), [(16, 11, 1), (16, 10, 0), (10, 9, 0), (11, 11, 1)])
def test_layers_cut_to_a_few_units_are_counted_without_the_output_layer(study, tree, units, dead, narrow):
    folder = next(run.folder for run in runs(study) if "/tickets/" in run.folder)
    output = {**LAYER, "units": 100, "dead_units": 99}
    write_json(
        tree / folder / "layers.json", {"layers": [{**LAYER, "units": units, "dead_units": dead}, output]}
    )
    counts = collect(study, tree).set_index("run")["narrow_layers"]
    assert counts[folder] == narrow
    assert counts.drop(folder).eq(0).all()


def test_dense_runs_know_the_accuracy_of_guessing(study, tree):
    folder = next(runs(study)).folder
    write_arrays(tree / folder / "logits.safetensors", {"logits": np.zeros((8, 4), np.float32)})
    chance = collect(study, tree).set_index("run")["chance"]
    assert chance[folder] == 25.0
    assert chance.drop(folder).isna().all()
    (tree / folder / "logits.safetensors").write_bytes(b"broken")
    assert collect(study, tree).set_index("run")["status"][folder] == "missing"


def test_truncated_metrics_count_as_missing(study, tree):
    path = tree / next(runs(study)).folder / "metrics.json"
    path.write_text(path.read_text()[:-9])
    assert collect(study, tree)["status"].iloc[0] == "missing"


def test_histories_and_layers_carry_their_run(study, tree):
    runs = collect(study, tree)["run"]
    curves, table = histories(runs, tree), layers(runs, tree)
    assert curves.groupby("run")["epoch"].max().eq(2).all()
    assert set(curves["run"]) == set(runs)
    assert set(table["run"]) == {run for run in runs if "/tickets/" in run}
    assert list(table["position"].iloc[:2]) == [1, 2]


def test_histories_and_layers_of_nothing_are_empty_tables(tmp_path):
    assert histories(["results/runs/none"], tmp_path).empty
    assert layers([], tmp_path).empty


def test_mask_paths_know_only_the_checks_that_change_data(study):
    paths = mask_paths(study)
    assert sum("/lottery/corrupted_data/" in path for path in paths) == 2
    assert sum("/hybrid/half_dataset/" in path for path in paths) == 2
    assert not any("rearrange" in path or "shuffle" in path for path in paths)
    assert len(set(paths)) == len(paths) == 4 * 2 * 2


def test_a_frame_comes_back_from_its_file_as_it_was(study, tmp_path):
    results = lose(make_results(study), ticket="lottery", seed=1)
    write_frame(tmp_path / "results.csv", results)
    back = read_frame(tmp_path / "results.csv")
    for column in ("accuracy", "prune_ratio", "seed", "check", "ticket", "status", "code"):
        pd.testing.assert_series_equal(back[column], results[column], check_dtype=False, check_exact=True)
    assert "none" in set(back["check"])
    assert list(back["collapsed"].isna()) == list(results["collapsed"].isna())


def test_names_that_look_like_missing_values_stay_names(tmp_path):
    write_frame(tmp_path / "names.csv", pd.DataFrame({"ticket": ["NA", "null", None], "seed": [0, 1, 2]}))
    assert list(read_frame(tmp_path / "names.csv")["ticket"].fillna("-")) == ["NA", "null", "-"]


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "no such file"), ("", "not a table"), ('a\n"x', "not a table")],
)
def test_a_file_that_is_no_such_table_is_named_with_its_remedy(tmp_path, text, message):
    path = tmp_path / "results.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ArtifactError, match=f"results.csv: {message}.*snakemake .*results.csv --force"):
        read_frame(path)


def test_structures_are_read_with_the_layers_only(study, tmp_path):
    write_frame(tmp_path / "results.csv", make_results(study))
    write_frame(tmp_path / "layers.csv", pd.DataFrame({"run": ["x"], "layer": ["y"]}))
    write_json(tmp_path / structure_path(study, "cifar10", "vgg19"), make_structure().to_json())
    assert read_collected(study, tmp_path / "results.csv").structures == {}
    data = read_collected(study, tmp_path / "results.csv", layers=tmp_path / "layers.csv", root=tmp_path)
    assert data.structures == {("cifar10", "vgg19"): make_structure()}
    assert data.histories.empty


def test_tables_figures_and_overlaps_start_without_torch():
    modules = [
        "results.table",
        "reports.tables",
        "results.mask_overlap",
        "results.layout",
        "results.collected",
        *(f"reports.plots.{n}" for n in ("checks", "keep_ratios", "paper")),
    ]
    code = "; ".join(f"import prunepipe.{module}" for module in modules)
    check = f"import sys; {code}; print([name for name in ('torch', 'scipy.stats') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", check], text=True).strip() == "[]"


PLACE = {"study", "dataset", "network", "ticket", "check"}
TEXTS = {
    "results.csv": PLACE | {"device", "precision", "version", "code", "data_checksum"}
    | {"start", "status", "cause", "note", "run"},
    "layers.csv": {"layer", "kind", "run"},
    "overlap.csv": PLACE - {"check"} | {"kind", "source", "other_source", "cause"},
}  # fmt: skip


def test_every_name_and_checksum_is_read_back_as_it_was_written(tmp_path, study, tree):
    odd = ["02", "1e5", "inf", "True", "2020-01-01", "0x10"]
    frames = {
        "results.csv": collect(study, tree),
        "layers.csv": layers([run.folder for run in runs(study)], tree),
        "overlap.csv": mask_overlaps(study, tree),
    }
    for name, frame in frames.items():
        found = {column for column in frame if frame[column].map(lambda value: isinstance(value, str)).any()}
        assert found <= TEXTS[name]
        texts = sorted(TEXTS[name])
        for value in odd:
            write_frame(tmp_path / name, frame.assign(**dict.fromkeys(texts, value)))
            assert (read_frame(tmp_path / name)[texts] == value).all(axis=None), (name, value)


def test_seeds_that_start_alike_and_checks_that_change_nothing_carry_a_note(study, tree):
    assert set(collect(study, tree)["note"]) == {""}  # nothing is known of what these runs started from
    folders = {run.folder: run for run in runs(study)}
    for folder, run in folders.items():
        start = f"{run.ticket} {run.check} {run.seed}"
        if run.ticket == "random":  # a network whose initial weights do not depend on the seed
            start = f"{run.ticket} {run.check}"
        if run.ticket == "hybrid":  # checks that do nothing
            start = f"{run.ticket} {run.seed}"
        write_json(tree / folder / "timing.json", {"seconds": [1.0], "device": "cpu", "start": start})
    noted = collect(study, tree).set_index(["ticket", "check", "seed"])["note"]
    assert noted["random", "none", 0] == ""
    assert noted["random", "none", 1] == "starts from the same weights and mask as seed 0"
    assert noted["hybrid", "none", 1] == ""
    assert (
        noted["hybrid", "shuffle_weights", 1]
        == "the check changed nothing: the ticket is the same without it"
    )
    assert set(noted[["lottery", "learning_rate_rewinding", "full_network"]]) == {""}
    table = build_table("random", collect(study, tree), study)
    assert "seed 1: starts from the same weights and mask as seed 0" in set(table["note"])
    assert "Not independent: CIFAR-10, VGG19, 90 %, Random: seed 1: starts" in to_markdown(table, study)


FAILS = {
    "masks/snip/clean/p0.9/seed0/mask.log": {("snip", "none"), ("snip", "rearrange")},
    "dense/half_dataset/seed0/train_dense.log": {
        ("full_network", "half_dataset"),
        ("learning_rate_rewinding", "half_dataset"),
    },
    "budgets/lottery/p0.9/budget.log": {*product(("lottery",), ("none", "corrupted_data", "rearrange"))},
    "rewind/clean/final/seed0/rewind.log": {
        *product(("lottery",), ("none", "rearrange")),
        *product(("learning_rate_rewinding",), ("none", "shuffle_weights")),
    },
    "rewind/clean/init/seed0/rewind.log": {
        *product(("snip", "lottery"), ("none", "corrupted_data", "rearrange"))
    },
    "initial/init/seed0/initialise.log": {...},
}


@pytest.mark.parametrize(
    "words", ["error: boom", "Traceback (most recent call last):\n  File 'a'\nKeyError: 'boom'"]
)
@pytest.mark.parametrize("log", [*FAILS, "score", "data"])
def test_a_shared_stage_that_fails_fails_every_run_behind_it_and_no_other(tmp_path, words, log):
    study = make_study(
        tickets=("snip", "lottery", "learning_rate_rewinding"), seeds=[0, 1], prune_ratios=[0.9]
    )
    behind = FAILS.get(log, {...})
    path = tmp_path / NETWORK.format(study=study.name, dataset="cifar10", network="vgg19") / log
    if log == "score":
        behind = {("snip", "none"), ("snip", "rearrange")}
        path = path.parent / f"scores/{score_id(study.tickets['snip'])}/clean/p{ANY_RATIO}/seed0/score.log"
    if log == "data":
        path = tmp_path / "data" / "cifar10.log"
    path.parent.mkdir(parents=True)
    path.write_text(words)
    upstream = upstream_of(study, "data")
    frame = collect(study, tmp_path, upstream)
    failed = frame[frame["cause"].str.contains("boom")]
    seeds = {0} if "seed0" in path.parts else {0, 1}
    everything = set(zip(frame["ticket"], frame["check"], strict=True))
    assert set(zip(failed["ticket"], failed["check"], strict=True)) == (
        everything if ... in behind else behind
    )
    assert set(failed["seed"]) == seeds
    assert set(frame.drop(failed.index)["cause"]) <= {
        "not started",
        "not finished: train_dense was the last stage",
    }
    progress = study_progress(study, tmp_path, upstream=upstream)
    assert (progress.failed, progress.running, progress.done) == (len(failed), 0, 0)


def test_files_of_weights_and_trainings_that_lead_to_a_mask_come_before_a_run(small):
    given = {
        "scored": "init",
        "score": "magnitude",
        "allocation": "global",
        "start": "file w.pt",
        "checks": [],
    }
    imp = {"cycles": [0.5, 0.1], "checks": ["corrupted_data"]}
    study = Study.model_validate(small | {"tickets": {"given": given, "imp": imp, "set": {"checks": []}}})
    upstream = upstream_of(study, "data")
    before = {(run.ticket, run.check, run.prune_ratio): list(upstream(run)) for run in runs(study)}
    parts = {
        ("given", "none", 0.9): "/given/*/seed0/read_given.log",
        ("imp", "none", 0.9): "/tickets/imp/none/p0.5/seed0/retrain.log",
        ("imp", "corrupted_data", 0.9): "/searches/imp/corrupted_data/p0.5/seed0/search.log",
        ("set", "none", 0.9): "/searches/set/clean/p0.9/seed0/search.log",
    }
    for run, log in parts.items():
        assert filter_paths(before[run], f"*{log}"), run


def test_what_a_stage_said_counts_more_than_that_it_was_killed(tmp_path):
    log, killed = tmp_path / "retrain.log", "error: the stage was killed, perhaps because memory ran out\n"
    for said, cause in (("epoch 1\n", killed.strip()), ("error: diverged\n", "error: diverged")):
        log.write_text(said + killed)
        assert complaint(log) == cause


def test_the_snakefile_learns_paths_and_names_without_pandas():
    code = "import sys, prunepipe.results.layout, prunepipe.reports.plots; print('pandas' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
