"""Artifacts: whole or not at all, checked when read, and the remedy named when they are bad."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prunepipe import artifacts
from prunepipe.artifacts import (
    atomic_path,
    checksum,
    mismatch,
    read_arrays,
    read_json,
    write_arrays,
    write_json,
    write_text,
)
from prunepipe.errors import ArtifactError, ScoreError
from prunepipe.networks.structure import Layer, Structure
from prunepipe.pruning.tickets import read_mask, read_ticket, require_fit, write_mask, write_ticket
from prunepipe.stages.execution import Execution
from prunepipe.stages.outcome import finished

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, 2], np.int64)}
MASK = {"w": np.array([[True, False, True], [False, False, True]])}
WEIGHTS = {"w": np.array([[1.0, 0, 2], [0, 0, 0]], np.float32), "bias": np.array([3.0], np.float32)}


def test_arrays_and_metadata_come_back_as_they_were(tmp_path: Path) -> None:
    write_arrays(tmp_path / "x.safetensors", ARRAYS, seed=3, name="n")
    arrays, metadata = read_arrays(tmp_path / "x.safetensors")
    assert metadata == {"seed": 3, "name": "n"}
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_arrays(tmp_path / name, ARRAYS, seed=3)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")

    def interrupted() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"file/x.json: cannot be written"):
        write_json(tmp_path / "file" / "x.json", {})


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prunepipe.artifacts.os.fsync", full)
    with pytest.raises(ArtifactError, match=r"No space left on device\); free space"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_the_system_without_a_number_says_its_text(tmp_path: Path) -> None:
    with (
        pytest.raises(ArtifactError, match=r"x: cannot be written \(no such codec\)"),
        atomic_path(tmp_path / "x"),
    ):
        raise OSError("no such codec")


def killed_write(path: Path) -> Path:
    """Leave what a process that is killed while it writes leaves."""
    code = "import os, sys\nfrom prunepipe.artifacts import atomic_path\n"
    code += "with atomic_path(sys.argv[1]) as path:\n    path.write_text('half')\n    os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    (left,) = path.parent.glob(".*")
    return left


def test_what_a_killed_write_left_goes_with_the_next_one(tmp_path: Path) -> None:
    path, other = tmp_path / "checkpoint.safetensors", tmp_path / ".checkpoint.safetensors.mine.safetensors"
    killed_write(path)
    other.write_text("a file of the user's")
    write_arrays(path, ARRAYS)
    assert sorted(tmp_path.iterdir()) == [other, path]


def test_a_write_under_way_keeps_its_file(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "x.txt") as first:
        first.write_text("first")
        write_text(tmp_path / "x.txt", "second")
        assert first.read_text() == "first"
    assert (tmp_path / "x.txt").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_measured_run_leaves_no_checkpoint_nor_what_a_killed_write_of_it_left(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    left = killed_write(checkpoint)
    checkpoint.write_text("whole")
    assert left.is_file()
    finished(Execution(checkpoint=checkpoint))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["truncate", "empty", "foreign", "header"])
def test_damaged_arrays_are_refused_with_the_remedy(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.safetensors"
    write_arrays(path, ARRAYS)
    whole = path.read_bytes()
    damaged = {
        "truncate": whole[:-4],
        "empty": b"",
        "foreign": b"PK\x03\x04" * 40,
        "header": b"\xff" * 8 + whole[8:],
    }
    path.write_bytes(damaged[damage])
    message = r"x.safetensors: not a file of this pipeline.*snakemake .*x.safetensors --force"
    with pytest.raises(ArtifactError, match=message):
        read_arrays(path)


def test_missing_files_name_the_command_that_makes_them(tmp_path: Path) -> None:
    for read in (read_arrays, read_json):
        with pytest.raises(ArtifactError, match="no such file. Remake it with: snakemake"):
            read(tmp_path / "x")


def test_values_that_are_not_finite_are_refused_unless_asked_for(tmp_path: Path) -> None:
    write_arrays(tmp_path / "x", {"a": np.array([1.0, np.nan])})
    with pytest.raises(ArtifactError, match="'a' holds NaN or infinity"):
        read_arrays(tmp_path / "x")
    assert np.isnan(read_arrays(tmp_path / "x", finite=False)[0]["a"][1])


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x", {"loss": float("nan")})
    assert not (tmp_path / "x").exists()


def test_shapes_must_fit() -> None:
    assert mismatch(ARRAYS, {name: array.shape for name, array in ARRAYS.items()}) is None
    assert mismatch(ARRAYS, {"a": (2, 3)}) == "hold the unknown 'b'; expected exactly: a"
    assert mismatch(ARRAYS, {"a": (2, 3), "b": (3,)}) == "of 'b' have shape (2,), expected (3,)"


def test_checksum_sees_names_types_shapes_and_values() -> None:
    variants = [
        ARRAYS,
        {**ARRAYS, "a": ARRAYS["a"] + 1},
        {**ARRAYS, "a": ARRAYS["a"].reshape(3, 2)},
        {**ARRAYS, "a": ARRAYS["a"].astype(np.float64)},
        {"c": ARRAYS["a"], "b": ARRAYS["b"]},
    ]
    assert len({checksum(variant) for variant in variants}) == len(variants)


def test_ticket_round_trip_keeps_order_zeros_and_mask(tmp_path: Path) -> None:
    write_ticket(tmp_path / "t", WEIGHTS, MASK, seed=1)
    weights, mask, metadata = read_ticket(tmp_path / "t")
    assert list(weights) == list(WEIGHTS)
    assert metadata["seed"] == 1
    np.testing.assert_array_equal(mask["w"], MASK["w"])  # the kept weight that is zero stays in the mask
    for name, value in WEIGHTS.items():
        np.testing.assert_array_equal(weights[name], value)


def test_a_ticket_with_unmasked_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="'w' has pruned weights that are not zero"):
        write_ticket(tmp_path / "t", {**WEIGHTS, "w": np.ones((2, 3), np.float32)}, MASK)


def test_a_changed_mask_bit_is_noticed(tmp_path: Path) -> None:
    write_mask(tmp_path / "m", MASK)
    arrays, metadata = read_arrays(tmp_path / "m")
    arrays["bits/w"] = arrays["bits/w"] ^ np.uint8(
        128
    )  # rewritten whole: only the mask's own checksum can tell
    write_arrays(tmp_path / "m", arrays, **metadata)
    with pytest.raises(ArtifactError, match="checksum does not match"):
        read_mask(tmp_path / "m")


def test_other_files_are_not_taken_for_masks_or_tickets(tmp_path: Path) -> None:
    write_arrays(tmp_path / "x", ARRAYS)
    for read in (read_mask, read_ticket):
        with pytest.raises(ArtifactError, match="holds no mask"):
            read(tmp_path / "x")
    write_mask(tmp_path / "m", MASK)
    with pytest.raises(ArtifactError, match="not a ticket"):
        read_ticket(tmp_path / "m")

    structure = Structure((Layer("w", "linear", (2, 3)),))
    require_fit("m", MASK, structure)
    with pytest.raises(ArtifactError, match=r"m: masks of 'w' have shape \(2, 3\), expected \(3, 2\)"):
        require_fit("m", MASK, Structure((Layer("w", "linear", (3, 2)),)))
    with pytest.raises(ArtifactError, match="m: masks lack 'v'"):
        require_fit("m", MASK, Structure((Layer("w", "linear", (2, 3)), Layer("v", "linear", (1, 2)))))


def test_structure_survives_json() -> None:
    structure = Structure((Layer("w", "linear", (2, 3)),), residual=True, followed=False)
    assert Structure.from_json(json.loads(json.dumps(structure.to_json()))) == structure


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_written_to_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    artifacts._say_no_locks.cache_clear()
    left = tmp_path / ".a.json.12345678.json"
    left.touch()
    for value in (1, 2):
        write_json(tmp_path / "a.json", {"value": value})
    assert read_json(tmp_path / "a.json") == {"value": 2}
    assert left.exists()  # another process may be writing it
    assert capsys.readouterr().err.count("no file locks here") == 1
