"""What users write by mistake is refused before any job, in a line that says what to write instead."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from own_study import OWN
from snakemake.cli import parse_config

from prunepipe.datasets import Dataset, prepare
from prunepipe.errors import ArtifactError, ConfigError, ScoreError
from prunepipe.execution.environment import require_cuda
from prunepipe.planning.start import refuse_early
from prunepipe.planning.targets import require_known_targets, require_plain_place
from prunepipe.study.loading import load_site, load_study, make_folder, study_path

KNOWN = {"table": ("random", "verdicts"), "figure": ("curves",)}


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("results/tables/nonsense.csv", "unknown table 'nonsense'. Known: random, verdicts"),
        ("./results/tables/randm.md", "Did you mean 'random'"),
        ("results/figures/random.png", "unknown figure 'random'"),
    ],
)
def test_a_target_that_does_not_exist_names_those_that_do(target: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        require_known_targets([target], KNOWN, "mine", "results")


def test_of_several_targets_only_the_one_that_does_not_exist_is_refused() -> None:
    fine = [
        "results/tables/random.tex",
        "./results/figures/curves.svg",
        "all",
        "results/x.csv",
        "results/report.html",
    ]
    with pytest.raises(ConfigError, match=r"^results/tables/verdict\.csv: "):
        require_known_targets([*fine, "results/tables/verdict.csv"], KNOWN, "mine", "results")
    mine = "results/studies/mine"
    with pytest.raises(ConfigError, match="^results/studies/mine/tables/verdict"):
        require_known_targets([f"{mine}/tables/random.md", f"{mine}/tables/verdict.md"], KNOWN, "mine", mine)


@pytest.mark.parametrize("file", ["tables/random.csv", "report.html", "results.csv"])
def test_a_file_of_another_study_names_the_own_one(file: str) -> None:
    words = f"results/{file}: not a file of study mine; say results/studies/mine/{file}"
    with pytest.raises(ConfigError, match=words):
        require_known_targets([f"results/{file}"], KNOWN, "mine", "results/studies/mine")


def test_braces_in_the_path_of_the_project_are_refused() -> None:
    require_plain_place(Path("/home/me/plain place"))
    with pytest.raises(ConfigError, match="takes { and } in the path of a workflow for wildcards; move"):
        require_plain_place(Path("/home/{me}/project"))


@pytest.mark.parametrize(
    ("target", "folder", "words"),
    [
        (
            "results/tables/verdict.csv",
            "plain",
            "^error: .* unknown table 'verdict'. Did you mean 'verdicts'",
        ),
        ("results/tables/verdicts.csv", "{me}", "^error: .* for wildcards; move the project"),
    ],
)
def test_what_a_workflow_cannot_make_ends_it_in_a_line(target: str, folder: str, words: str) -> None:
    refuse_early(["--cores", "2", "results/tables/verdicts.csv"], Path("plain"), "mine", "results")
    with pytest.raises(SystemExit, match=words):
        refuse_early(["--cores", "2", target], Path(folder), "mine", "results")


def test_a_prune_ratio_in_percent_is_said_as_a_share(tmp_path: Path) -> None:
    text = (
        "datasets: [digits]\nnetworks: [vgg_digits]\nrecipe: {epochs: 1, learning_rate: 0.1}\ntickets: [snip]\n"
        "prune_ratios: [RATIO]\nseeds: [0]\n"
    )
    file = tmp_path / "mine.yaml"
    for wrong, right in {"90": "0.9", "97.5": "0.975"}.items():
        file.write_text(text.replace("RATIO", wrong))
        with pytest.raises(
            ConfigError, match=f"prune_ratios.*got {wrong}; it should be a share.*say {right}"
        ):
            load_study(file)
    file.write_text(text.replace("RATIO", "1"))
    with pytest.raises(ConfigError, match="less than 1"):
        load_study(file)


def test_a_study_called_by_digits_is_found(tmp_path: Path) -> None:
    (tmp_path / "2020.yaml").touch()
    site = load_site({"study": 2020, "data_folder": str(tmp_path)})  # as Snakemake reads --config study=2020
    assert study_path(site.study, tmp_path) == tmp_path / "2020.yaml"


@pytest.mark.parametrize("name", ["2020_11", "007", "1e5", "nan", "1_0"])
def test_a_study_whose_name_snakemake_reads_as_a_number_is_found(tmp_path: Path, name: str) -> None:
    for other in (name, "mine", "12"):
        (tmp_path / f"{other}.yaml").touch()
    (read,) = parse_config([f"study={name}"]).values()
    site = load_site({"study": read, "data_folder": str(tmp_path)})
    assert study_path(site.study, tmp_path) == tmp_path / f"{name}.yaml"
    (tmp_path / f"{site.study}.yaml").touch()  # the very name comes first
    assert study_path(site.study, tmp_path) == tmp_path / f"{site.study}.yaml"


def test_a_data_folder_in_digits_is_told_how_to_write_it() -> None:
    with pytest.raises(ConfigError, match="data_folder: got the number 2020; write ./ before"):
        load_site(parse_config(["data_folder=2020"]))


def test_where_there_is_no_study_at_all_it_is_said_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="no study 'quickstart'.*start Snakemake in the folder that holds config"
    ):
        study_path("quickstart", tmp_path)


def test_a_data_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # as root one can always write
    with pytest.raises(ConfigError, match=r"data_folder: .* cannot be written.*set prepared_folder"):
        load_site({"data_folder": str(tmp_path)})


def test_a_data_folder_that_cannot_be_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"data_folder: '/proc/none' cannot be made \(.*\); name another"):
        make_folder("/proc/none")
    make_folder(str(tmp_path / "new"))
    assert (tmp_path / "new").is_dir()
    monkeypatch.setattr("os.access", lambda path, mode: False)  # as root one can always write
    with pytest.raises(ConfigError, match="cannot be made in .*, where you may not write"):
        load_site({"data_folder": str(tmp_path / "more")})


def test_cuda_on_a_machine_without_it_is_refused_before_any_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(status: int) -> None:
        done = SimpleNamespace(returncode=status)
        monkeypatch.setattr("prunepipe.execution.environment.subprocess.run", lambda *_, **__: done)

    answers(3)
    with pytest.raises(ConfigError, match=r"asks for device: cuda, .* No job was started"):
        require_cuda("cuda")
    require_cuda("auto")
    answers(0)
    require_cuda("cuda")


def test_a_reference_in_a_list_of_names_is_said_as_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    text = "datasets: [digits]\nnetworks: ['torchvision:resnet18']\nrecipe: {epochs: 1, learning_rate: 0.1}\n"
    file.write_text(text + "tickets: [snip]\nprune_ratios: [0.9]\nseeds: [0]\n")
    with pytest.raises(
        ConfigError, match=r"networks: .*\{resnet18: \{architecture: 'torchvision:resnet18'\}, ...\}"
    ):
        load_study(file)


def test_what_a_loader_raises_is_one_line() -> None:
    with pytest.raises(ScoreError, match=r"data set .*:no_file: raised FileNotFoundError: .*\(line \d+ of"):
        prepare(OWN + "no_file", Path())


def test_a_class_without_training_images_is_refused_when_the_data_are_prepared() -> None:
    with pytest.raises(
        ConfigError, match=r"class 1 has no training image \(1 of 3 classes have none\); number"
    ):
        prepare(OWN + "with_a_gap", Path())


def test_numpy_scalars_are_numbers_and_other_things_are_refused(tmp_path: Path) -> None:
    images, labels = np.zeros((4, 1, 2, 2), np.uint8), np.array([0, 1, 2, 0])
    made = Dataset(images, labels, images, labels, np.int64(3), (np.float32(0.5),), np.array([0.5]))
    assert (made.classes, made.mean, made.std) == (3, (0.5,), (0.5,))
    assert {type(value) for value in (made.classes, *made.mean, *made.std)} == {int, float}
    with pytest.raises(ArtifactError, match=r"classes is 3.0; expected a whole number"):
        Dataset(images, labels, images, labels, 3.0, (0.5,), (0.5,))  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match=r"mean is 0.5; expected a tuple"):
        Dataset(images, labels, images, labels, 3, 0.5, (0.5,))  # type: ignore[arg-type]
