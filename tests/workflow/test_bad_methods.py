"""Methods of bad manners in a study: one message each, the others run, and what was finished stays as it is."""

from pathlib import Path

import foreign_methods
import pytest
from workflow_runs import edit, snakemake

BAD = {
    "never_returns": "did not return within 5 s",
    "cannot_be_interrupted": "did not return within 5 s",
    "needs_too_much": "allocate",
    "of_another_network": "scores for '0.weight', which is not a prunable weight",
    "file_gone": "raised FileNotFoundError: [Errno 2] No such file or directory: 'no_such_folder/scores.npy'",
    "ends_itself": "raised SystemExit: enough",
}
GOOD = ("prints_a_lot", "forks", "leaves_a_thread")


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_each_bad_method_is_told_in_one_message_and_the_rest_is_finished(project: Path) -> None:
    finished = {
        path: path.stat().st_mtime_ns for path in (project / "results" / "runs").rglob("*.safetensors")
    }
    (project / "theirs.py").write_text(Path(foreign_methods.__file__).read_text(encoding="utf-8"))
    rows = ", ".join(
        f"{name}: {{scored: init, score: 'theirs.py:{name}', allocation: global, start: init, reads: none, checks: []}}"
        for name in (*BAD, *GOOD)
    )
    edit(project / "config" / "tiny.yaml", "[lottery, hybrid]", f"{{lottery: , hybrid: , {rows}}}")
    done = snakemake(project, "--quiet", "all", site=["score_time_limit=5"])
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if line.startswith("error: score: score ")]
    for name, words in BAD.items():
        (message,) = [line for line in told if f"theirs.py:{name}: " in line]
        assert words in message
    assert len(told) == len(BAD)
    for name in GOOD:
        assert list((project / "results" / "runs").glob(f"**/tickets/{name}/none/**/metrics.json")), name
    assert all(path.stat().st_mtime_ns == changed for path, changed in finished.items())
