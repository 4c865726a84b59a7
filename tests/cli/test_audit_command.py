"""`prunepipe audit`: what it prints and writes, and its exit status."""

from __future__ import annotations

from pathlib import Path

import audit_files
import pytest

from prunepipe.artifacts import read_json
from prunepipe.cli.main import main


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_sound_file_is_told_in_full_and_raises_no_alarm(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    case = audit_files.sound_torch_prune(tmp_path)
    status = main(
        ["audit", case.path.name, "--claimed", "90%", "--network", "vgg_digits", "--image-size", "8"]
    )
    printed = capsys.readouterr().out
    assert status == 0
    assert "Prune ratio 90.00%, claimed 90.00%: 6,990 of " in printed
    assert printed.splitlines()[-3:] == [
        "No alarm.",
        "Page: state.pt.audit.html; numbers: state.pt.audit.json",
        "Does the mask matter? prunepipe judge --mask state.pt --network vgg_digits --study STUDY",
    ]
    for name in (
        audit_files.FIRST,
        "smart",
        "erk",
        "Multiply-adds",
        "Overlap with the largest weights: 100.00%",
    ):
        assert name in printed
    assert read_json("state.pt.audit.json", "findings")["network"] == "prunepipe.networks.vgg:vgg_digits"
    assert "No alarm" in Path("state.pt.audit.html").read_text()


def test_an_alarm_is_an_exit_status_of_its_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    case = audit_files.revived(tmp_path)
    assert case.before is not None
    assert main(["audit", case.before.name, case.path.name, "--output", "out/found"]) == 3
    printed = capsys.readouterr().out
    assert "ALARM revived" in printed
    assert "Since before.safetensors" in printed
    assert "Cannot be known: Paths" in printed
    assert "Pruned weights were revived" in Path("out/found.html").read_text()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["absent.pt"], "no such file"),
        (["state.pt"] * 3, "3 files were given"),
        (["state.pt", "--network", "vgg12"], "unknown network 'vgg12'. Did you mean 'vgg1"),
        (["state.pt", "--network", "vgg_digits", "--network-option", "width"], "must be KEY=VALUE"),
        (["state.pt", "--network", "resnet8"], "does not fit the network: no 'conv1.weight'"),
        (["state.pt", "--claimed", "95"], "--claimed 95"),
        (["state.pt", "--size-limit", "0.0001"], "--size-limit"),
    ],
)
def test_mistakes_end_in_one_line(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    audit_files.sound_zeros(tmp_path)
    assert main(["audit", *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert told in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.glob("*.html"))
