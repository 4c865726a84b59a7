"""`prunepipe try`, and the trial before `prunepipe judge` trains: what is shown, and what a bad method can do."""

import re
from pathlib import Path

import foreign_methods
import psutil
import pytest
import yaml

from prunepipe.cli import trial, trial_process
from prunepipe.cli.main import main
from prunepipe.study.loading import load_study

TINY = {
    "datasets": {"digits": {"train_images": 200, "test_images": 100}},
    "networks": ["vgg_digits"],
    "recipe": {"epochs": 2, "learning_rate": 0.05},
    "tickets": ["snip"],
    "prune_ratios": [0.7],
    "seeds": [0],
}
BAD = """
import os, signal, sys, threading, time

def exits(network):
    print("out of patience")
    sys.stdout.flush()
    os._exit(3)

def blocks(network):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(300)

def leaves_a_process_and_a_thread(network):
    left = os.fork()
    if left == 0:
        time.sleep(300)
    slow = {"pandas", "sklearn", "scipy", "torchvision", "matplotlib", "snakemake", "torch._dynamo", "torch._inductor"}
    write = os.write
    def at_the_end(status):
        write(1, f"slow imports: {sorted(slow & set(sys.modules))}\\nprocess {left}".encode())
        ended(status)
    ended, os._exit = os._exit, at_the_end
    threading.Thread(target=time.sleep, args=(300,)).start()
    return {name: weight.abs() for name, weight in network.named_parameters()}

def collapses(network):
    return {name: weight.abs() - 9.0 * name.startswith("features.4.") for name, weight in network.named_parameters()}

def wrong_shape(network):
    return {name: weight.abs().sum() for name, weight in network.named_parameters()}
"""

NETWORK = """
from torch import nn

def mine(*, channels, classes, image_size):
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """The folder of a researcher: a study, methods of others, and bad ones."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    (tmp_path / "theirs.py").write_text(Path(foreign_methods.__file__).read_text(encoding="utf-8"))
    (tmp_path / "bad.py").write_text(BAD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def in_this_process(monkeypatch) -> None:
    """Spare the start of a process, where none is tested."""
    monkeypatch.setattr(trial, "result_of_process", trial_process.answer_to)


def tried(capsys, *arguments: str) -> str:
    status = main(["try", *arguments, "--study", "tiny.yaml"])
    printed = capsys.readouterr()
    assert status == (1 if printed.err else 0)
    return printed.err or printed.out


# What is shown


@pytest.mark.usefixtures("folder")
def test_the_plainest_method_is_tried_at_once_and_nothing_is_written(folder: Path, capsys) -> None:
    before = sorted(folder.iterdir())
    text = tried(capsys, "theirs.py:plain_gradient", "--data-folder", "nowhere")
    assert "plain_gradient returns scores for vgg_digits on digits" in text
    assert (
        "At prune ratio 0.7 (allocation global) it keeps 20,971 of 69,904 initial weights of seed 0:" in text
    )
    shares = [int(kept.replace(",", "")) for kept in re.findall(r"weight +([\d,]+) of", text)]
    assert len(shares) == 6
    assert sum(shares) == 20_971
    assert re.search(r"Overlap with the largest weights +\d+\.\d+%", text)
    assert "No layer collapse" in text
    assert "Tried on the data of: clean, corrupted_data, half_dataset." in " ".join(text.split())
    assert "16 parameters that are never pruned, as features.0.bias" in " ".join(text.split())
    assert "Next: prunepipe judge theirs.py:plain_gradient --data-folder nowhere --study tiny.yaml" in text
    assert sorted(folder.iterdir()) == before


@pytest.mark.usefixtures("folder", "in_this_process")
def test_magnitude_overlaps_wholly_with_the_largest_weights(capsys) -> None:
    assert re.search(r"Overlap with the largest weights +100.00%", tried(capsys, "theirs.py:Magnitude"))


@pytest.mark.usefixtures("folder", "in_this_process")
def test_layer_collapse_is_told_before_any_training(capsys) -> None:
    text = " ".join(tried(capsys, "bad.py:collapses", "--prune-ratio", "0.9").split())
    assert "LAYER COLLAPSE: no path from input to output is left." in text
    assert "Layers without a weight: features.4.weight, classifier.weight." in text


@pytest.mark.usefixtures("in_this_process")
def test_every_prune_ratio_of_the_study_is_checked_before_any_training(folder: Path, capsys) -> None:
    (folder / "net.py").write_text(NETWORK)
    (folder / "tiny.yaml").write_text(
        yaml.safe_dump(TINY | {"networks": {"mine": {"architecture": "net.py:mine"}}})
    )
    options = ("--allocation", "smart", "--prune-ratio", "0.7")
    assert "it keeps 442 of 1,476 initial weights" in tried(capsys, "theirs.py:plain_gradient", *options)
    told = tried(capsys, "theirs.py:plain_gradient", *options, "--prune-ratio", "0.9")
    assert (
        "prune_ratios: 0.9, ticket 'plain_gradient' on mine (digits): allocation 'smart': of 147 weights"
        in told
    )


@pytest.mark.usefixtures("in_this_process")
def test_a_pruner_is_judged_as_what_it_is_without_an_option(folder: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("prunepipe.cli.deciding.run_on_screen", lambda *_: 0)
    assert (
        main(
            ["judge", "theirs.py:layer_pruner", "--study", "tiny.yaml", "--dry-run", "--prune-ratio", "0.91"]
        )
        == 0
    )
    assert "the difference counts as rounding" in capsys.readouterr().out
    ticket = load_study(folder / "judged" / "layer_pruner" / "layer_pruner.yaml").tickets["layer_pruner"]
    assert (ticket.allocation, ticket.per_prune_ratio) == ("constructed", True)
    assert "invert" not in (ticket.checks or ())


@pytest.mark.usefixtures("in_this_process")
def test_on_linear_layers_alone_controls_are_chosen_that_can_run(folder: Path, monkeypatch, capsys) -> None:
    layers = "nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)"
    (folder / "net.py").write_text(NETWORK.replace(NETWORK[NETWORK.index("nn.Conv2d") :], f"{layers})\n"))
    networks = {"mine": {"architecture": "net.py:mine"}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"networks": networks}))
    monkeypatch.setattr("prunepipe.cli.deciding.run_on_screen", lambda *_: 0)
    assert main(["judge", "snip", "--study", "tiny.yaml", "--dry-run", "--prune-ratio", "0.9"]) == 0
    told = "the controls use other allocations: uniform_all for lottery, erk for random"
    assert told in capsys.readouterr().out
    tickets = load_study(folder / "judged" / "own_snip" / "own_snip.yaml").tickets
    assert (tickets["lottery"].allocation, tickets["random"].allocation) == ("uniform_all", "erk")


# What a bad method can do


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    "method", ["bad.py:wrong_shape", "theirs.py:not_a_number", "theirs.py:list_of_three"]
)
def test_while_a_method_is_broken_no_control_is_trained(
    folder: Path, monkeypatch, capsys, method: str
) -> None:
    monkeypatch.setattr("prunepipe.cli.deciding.logged_run", lambda *_: pytest.fail("trained"))
    assert main(["judge", method, "--study", "tiny.yaml"]) == 1
    told = capsys.readouterr().err
    assert re.fullmatch(rf"error: score {folder}/{method}: .* \(line \d+ of .*\)\n", told)
    assert not (folder / "judged").exists()


@pytest.mark.usefixtures("folder")
def test_a_method_that_ends_the_process_is_told_with_its_last_words(capsys) -> None:
    told = tried(capsys, "bad.py:exits")
    assert told == (
        "error: score bad.py:exits: ended the process (exit status 3). Its last output: out of patience\n"
    )


@pytest.mark.usefixtures("folder")
def test_a_method_that_cannot_be_interrupted_ends_itself_with_its_name(capsys) -> None:
    told = tried(capsys, "bad.py:blocks", "--time-limit", "0.5")
    assert told.startswith(
        f"error: score {Path.cwd()}/bad.py:blocks: did not return within 0.5 s. Make it faster"
    )


@pytest.mark.usefixtures("folder")
def test_what_a_method_leaves_behind_is_ended_and_nothing_slow_was_imported_but_torch(capsys) -> None:
    text = tried(capsys, "bad.py:leaves_a_process_and_a_thread")
    assert "returns scores" in text
    assert "  | slow imports: []" in text
    found = re.search(r"\| process (\d+)", text)
    assert found
    left = [process for process in psutil.process_iter(["status"]) if process.pid == int(found[1])]
    assert all(process.info["status"] == psutil.STATUS_ZOMBIE for process in left)


@pytest.mark.usefixtures("folder")
def test_a_method_that_cannot_be_interrupted_is_killed(capsys, monkeypatch) -> None:
    monkeypatch.setattr(trial, "START_SECONDS", 0.1)  # over before the process has even started
    told = tried(capsys, "theirs.py:never_returns", "--time-limit", "0.01")
    assert "theirs.py:never_returns: did not return, and could not be interrupted, within 8 times" in told
    assert "--time-limit (0.01 s)" in told


@pytest.mark.parametrize(
    ("status", "words"),
    [(-9, "needs more memory than there is"), (-11, "ended the process (SIGSEGV)"), (3, "exit status 3")],
)
def test_how_a_process_ended_is_told_in_words(status: int, words: str) -> None:
    assert words in trial._ended(status, 1.0)
