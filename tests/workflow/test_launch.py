"""Stages forked from the warm process behave like stages started on their own."""

import ast
import io
import os
import re
import resource
import runpy
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from prunepipe.execution.environment import launch_command

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of launch.py and warm.py, and so a warm process of its own, that imports little."""
    shutil.copy(SCRIPTS / "launch.py", tmp_path)
    warm = (SCRIPTS / "warm.py").read_text().replace("IDLE_SECONDS = 60.0", "IDLE_SECONDS = 3.0")
    warm = re.sub(r"PRELOADED = \(.*\)", "PRELOADED = ('numpy',)", warm)
    (tmp_path / "warm.py").write_text(warm)
    return tmp_path


def launch(scripts: Path, code: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    (scripts / "job.py").write_text(code)
    return subprocess.Popen(
        [sys.executable, "-I", "-S", scripts / "launch.py", "job.py", *arguments],
        env={**os.environ, **variables},
        cwd=scripts,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_stages_are_started_by_full_paths_whatever_the_shell_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = str(tmp_path / "of mine" / "launch.py")
    assert shlex.split(launch_command(Path("of mine"))) == [sys.executable, "-I", "-S", script]
    of_an_environment = launch_command(Path("of mine"), own_python=False)
    assert shlex.split(of_an_environment) == ["python", "-I", "-S", script]


@pytest.mark.parametrize("warm", ["1", "0"])
def test_output_arguments_folder_environment_and_status_are_the_stages(scripts: Path, warm: str) -> None:
    code = (
        "import os, sys\n"
        "print(sys.argv[1:], os.getcwd(), os.environ['MINE'], os.path.basename(sys.argv[0]))\n"
        "sys.exit(7)"
    )
    job = launch(scripts, code, "--a", "b c", MINE="yes", PRUNEPIPE_WARM=warm)
    assert job.communicate()[0].strip() == f"['--a', 'b c'] {scripts} yes job.py"
    assert job.returncode == 7


def test_a_message_of_sys_exit_and_a_traceback_are_shown(scripts: Path) -> None:
    job = launch(scripts, "import sys; sys.exit('error: told')")
    assert job.communicate()[0].strip() == "error: told"
    assert job.returncode == 1
    job = launch(scripts, "1 / 0")
    assert "ZeroDivisionError" in job.communicate()[0]
    assert job.returncode == 1


def test_stages_are_forked_with_the_imports_done_and_share_one_warm_process(scripts: Path) -> None:
    code = "import os, sys; print('numpy' in sys.modules, os.getppid())"
    jobs = [launch(scripts, code) for _ in range(4)]
    answers = {job.communicate()[0].strip() for job in jobs}
    assert len(answers) == 1
    assert answers.pop().startswith("True")


def test_what_a_warm_stage_has_imported_has_not_looked_for_devices() -> None:
    """A lease is taken in the stage, so CUDA must not have counted the devices before."""
    preloaded = re.search(r"PRELOADED = \((.*)\)", (SCRIPTS / "warm.py").read_text())
    assert preloaded is not None
    names = ast.literal_eval(f"({preloaded.group(1)})")
    code = f"import importlib, torch\nfor name in {names}: importlib.import_module(name)\n"
    code += "print(torch.cuda.is_initialized(), torch.cuda._cached_device_count)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "None"]


def test_a_stage_has_its_callers_limits_not_those_of_whoever_came_first(scripts: Path) -> None:
    code = "import os, resource; m = os.umask(0); print(oct(m), os.nice(0), resource.getrlimit(resource.RLIMIT_CPU)[0])"
    launch(scripts, code).communicate()
    command = f"umask 027; ulimit -t 500; exec nice -n 7 {sys.executable} -I -S {scripts}/launch.py job.py"
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"0o27 {min(os.nice(0) + 7, 19)} 500"


def test_an_edited_stage_is_read_afresh(scripts: Path) -> None:
    for word in ("one", "two"):
        (scripts / "library.py").write_text(f"WORD = {word!r}")
        os.utime(scripts / "library.py", (time.time(), time.time() + len(word) + ord(word[0])))
        code = f"import sys; sys.path.append({str(scripts)!r}); import library; print(library.WORD)"
        assert launch(scripts, code).communicate()[0].strip() == word


def test_a_killed_launcher_takes_its_stage_along(scripts: Path) -> None:
    with launch(scripts, "import os, time; print(os.getpid(), flush=True); time.sleep(60)") as job:
        assert job.stdout is not None
        stage = int(job.stdout.readline())
        job.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{stage}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{stage}").exists()


def test_a_killed_stage_is_reported(scripts: Path) -> None:
    job = launch(scripts, "import os; os.kill(os.getpid(), 9)")
    assert job.communicate()[0].startswith(
        "error: the stage was killed"
    )  # so that `watch` counts it as failed
    assert job.returncode == 137


def test_a_request_to_stop_while_the_stage_is_asked_for_comes_after_the_whole_request(
    launcher: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    send_fds, set_handler = socket.send_fds, signal.signal

    def handle(number: int, handler: Any) -> Any:
        before = set_handler(number, handler)
        signal.raise_signal(number)  # as soon as it can be heard
        return before

    def send(*arguments: Any) -> int:
        sent = send_fds(*arguments)
        signal.raise_signal(signal.SIGTERM)  # between the two parts of the request
        return sent

    monkeypatch.setattr(signal, "signal", handle)
    monkeypatch.setattr(socket, "send_fds", send)
    kept = {number: signal.getsignal(number) for number in launcher["STOPS"]}
    try:
        launcher["ask"](ours, b"the request", lambda *_: ours.sendall(b"T"))
    finally:
        for number, handler in kept.items():
            set_handler(number, handler)
    ours.close()
    got, descriptors, _, _ = socket.recv_fds(theirs, 8, 3)
    for descriptor in descriptors:
        os.close(descriptor)
    assert got == (11).to_bytes(8, "big")
    assert theirs.recv(100) == b"the request" + b"TT"  # SIGTERM was sent twice, and is heard once
    theirs.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_reaches_the_stage(scripts: Path, number: signal.Signals) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    with launch(scripts, code) as job:
        assert job.stdout is not None
        assert job.stdout.readline().strip() == "ready"
        job.send_signal(number)
        assert job.wait(timeout=5) == 143


def test_inside_a_cluster_job_the_stage_starts_on_its_own(scripts: Path) -> None:
    code = "import sys; print('numpy' in sys.modules)"
    assert launch(scripts, code, SLURM_JOB_ID="7").communicate()[0].strip() == "False"


def test_a_folder_that_others_can_write_to_is_not_trusted(scripts: Path, tmp_path: Path) -> None:
    open_folder = tmp_path / "tmp" / f"prunepipe-warm-{os.getuid()}"
    open_folder.mkdir(parents=True)
    open_folder.chmod(0o777)
    said = launch(scripts, "print('ran')", TMPDIR=str(open_folder.parent)).communicate()[0]
    assert "is not a private folder" in said
    assert said.strip().endswith("ran")


@pytest.mark.parametrize("warm", ["1", "0"])
def test_no_script_of_ours_is_on_the_import_path_of_a_stage(scripts: Path, warm: str) -> None:
    (scripts / "mask.py").touch()
    code = "import importlib.util, sys; print(importlib.util.find_spec('mask'), 'stage' in sys.modules)"
    assert launch(scripts, code, PRUNEPIPE_WARM=warm).communicate()[0].strip() == "None False"


def test_nor_is_it_where_a_stage_is_run_by_hand(tmp_path: Path) -> None:
    (tmp_path / "mask.py").touch()
    script = tmp_path / "job.py"
    script.write_text(
        "import importlib.util\nfrom prunepipe.stages.command_line import run\n\n"
        "def main(files):\n    print(importlib.util.find_spec('mask'))\n\nrun(__doc__, main)\n"
    )
    said = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "None"


@pytest.fixture
def launcher(scripts: Path) -> dict[str, Any]:
    """The functions of launch.py."""
    return runpy.run_path(str(scripts / "launch.py"))


def test_only_a_process_that_is_alike_shares_the_warm_process(
    launcher: dict[str, Any], scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = launcher["identity"]
    found = [identity()]
    with monkeypatch.context() as patch:  # read in the stage
        patch.setenv("CUDA_VISIBLE_DEVICES", "7")
        assert identity() == found[0]
    for name, value in (("PYTHONHASHSEED", "7"), ("LD_LIBRARY_PATH", "/odd"), ("OMP_NUM_THREADS", "77")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            found.append(identity())
    calls = [(os, name) for name in ("getuid", "geteuid", "getgid", "getgroups", "readlink")]
    calls += [(os, name) for name in ("umask", "nice", "sched_getaffinity")] + [(resource, "getrlimit")]
    for module, function in calls:
        with monkeypatch.context() as patch:  # another user, another container, other limits
            patch.setattr(module, function, lambda *_, name=function: f"another {name}")
            found.append(identity())
    with monkeypatch.context() as patch:
        patch.setitem(identity.__globals__, "open", lambda *_: io.StringIO("another control group"))
        found.append(identity())
    stat = os.stat
    for path in ("/", str(scripts), str(scripts / "warm.py"), sys.executable):
        with monkeypatch.context() as patch:  # other files at the same paths
            another = SimpleNamespace(st_dev=0, st_ino=path)
            patch.setattr(os, "stat", lambda of, path=path, state=another: state if of == path else stat(of))
            found.append(identity())
    with monkeypatch.context() as patch:  # another virtual environment of the same interpreter
        (scripts / "python").symlink_to(sys.executable)
        patch.setattr(sys, "executable", str(scripts / "python"))
        found.append(identity())
    moved = scripts.with_name("moved")
    scripts.rename(moved)
    shutil.copytree(moved, scripts)  # another project that is mounted at the same path
    found.append(identity())
    assert len(set(found)) == len(found)


def test_a_container_with_the_same_paths_has_a_warm_process_of_its_own(scripts: Path) -> None:
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "-m", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("cannot make a mount namespace here")
    code = "import os; print(os.getppid())"
    outside = launch(scripts, code).communicate()[0]
    command = [unshare, "-m", sys.executable, "-I", "-S", scripts / "launch.py", "job.py"]
    inside = subprocess.run(command, capture_output=True, text=True, check=True, cwd=scripts).stdout
    assert inside.strip().isdigit()
    assert inside != outside


def test_a_temporary_folder_that_is_relative_serves_too(scripts: Path) -> None:
    code = "import os, sys; print('numpy' in sys.modules)"
    assert launch(scripts, code, TMPDIR=".").communicate(timeout=30)[0].strip() == "True"


def test_a_warm_process_that_cannot_start_is_not_waited_for(scripts: Path) -> None:
    (scripts / "warm.py").write_text("raise SystemExit(1)")
    started = time.monotonic()
    assert launch(scripts, "print('ran')").communicate()[0].strip() == "ran"
    assert time.monotonic() - started < 20


def test_a_system_without_core_affinity_serves_too(scripts: Path) -> None:
    program = (scripts / "launch.py").read_text()
    (scripts / "launch.py").write_text(
        program.replace("import os\n", "import os\ndel os.sched_getaffinity\n", 1)
    )
    code = "import os, sys; print('numpy' in sys.modules)"
    assert launch(scripts, code).communicate()[0].strip() == "True"


STOPPED = """
import os, runpy, signal, socket, sys
launcher = runpy.run_path(sys.argv[1])
here, there = socket.socketpair()
send = socket.send_fds

def interrupted(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    return send(*arguments)

socket.send_fds = interrupted
there.sendall(bytes([143]))  # how the stage will end
status = launcher["run"](here, ["job.py"])
head, files, _, _ = socket.recv_fds(there, 8, 3)
print(status, len(files), len(head), there.recv(10**6)[-2:])
"""


def test_a_request_to_stop_that_comes_early_follows_the_whole_request(scripts: Path) -> None:
    command = [sys.executable, "-c", STOPPED, scripts / "launch.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "143 3 8 b'}T'"


def test_a_stop_at_any_moment_ends_the_stage_and_says_so(scripts: Path) -> None:
    code = "import time; time.sleep(30)"
    launch(scripts, "pass").communicate()  # the warm process is there
    for wait in range(12):
        with launch(scripts, code) as job:
            time.sleep(0.005 * wait)
            job.send_signal(signal.SIGTERM)
            assert job.wait(timeout=10) in (143, -signal.SIGTERM), wait
