"""A real Slurm with four pretend GPUs on one machine: install, start, stop. Needs root on Debian or Ubuntu.

python tests/slurm/cluster.py install | start FOLDER | stop FOLDER
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
SYSTEM_CONFIGURATION = Path(
    "/etc/slurm/slurm.conf"
)  # steps look here: srun's environment is cleaned on the way
GPUS = 4

CONFIGURATION = """\
ClusterName=pretend
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
# The node has what is written here, whatever the machine has.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} CPUs=16 RealMemory=64000 Gres=gpu:a100:{gpus} State=UNKNOWN
PartitionName=gpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
# Finished jobs can be asked about for this long: more than three times the interval at which Snakemake asks.
MinJobAge=300
KillWait=20
ReturnToService=2
SchedulerParameters=bf_interval=1,sched_min_interval=100000,batch_sched_delay=0
"""
CGROUP = "CgroupPlugin=cgroup/v1\nIgnoreSystemd=yes\n" + "".join(
    f"Constrain{what}=no\n" for what in ("Cores", "Devices", "RAMSpace", "SwapSpace")
)


def missing() -> str:
    """Return why no Slurm can be started here, or nothing if one can."""
    if os.getuid() != 0:
        return "needs root"
    absent = [program for program in PROGRAMS if shutil.which(program, path=search_path()) is None]
    if absent:
        return f"{', '.join(absent)} not installed; run: make slurm-install"
    if SYSTEM_CONFIGURATION.exists() and not SYSTEM_CONFIGURATION.is_symlink():
        return f"{SYSTEM_CONFIGURATION} belongs to a real cluster"
    if SYSTEM_CONFIGURATION.is_symlink() and _alive(
        SYSTEM_CONFIGURATION.readlink().with_name("slurmctld.pid")
    ):
        return f"{SYSTEM_CONFIGURATION.readlink().parent} is running; stop it: {__file__} stop FOLDER"
    return ""


def search_path() -> str:
    """Return PATH with the folders that Debian puts daemons into."""
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


def install() -> None:
    """Install Slurm and munge from the distribution, unless they are there."""
    if all(shutil.which(program, path=search_path()) for program in PROGRAMS):
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", *command], check=True, env=environment, timeout=600)


def start(folder: Path) -> None:
    """Start munged, slurmctld and slurmd, all of whose files lie in `folder`; wait until the node is idle."""
    for name in ("state", "spool", "dev"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(GPUS):
        os.mknod(folder / "dev" / f"nvidia{number}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    _configure(folder)
    _run(
        *("munged", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket"),
        *(
            f"--pid-file={folder}/munged.pid",
            f"--log-file={folder}/munged.log",
            f"--seed-file={folder}/munge.seed",
        ),
    )
    for daemon in ("slurmctld", "slurmd"):
        _run(daemon, "-f", folder / "slurm.conf")
    _wait_for_node(folder)


def stop(folder: Path) -> None:
    """Stop the daemons by their pid files, the node first, and take the configuration away."""
    for daemon in ("slurmd", "slurmctld", "munged"):
        file = folder / f"{daemon}.pid"
        if file.exists():
            _end(int(file.read_text()))
    if SYSTEM_CONFIGURATION.is_symlink() and SYSTEM_CONFIGURATION.readlink() == folder / "slurm.conf":
        SYSTEM_CONFIGURATION.unlink()


def _configure(folder: Path) -> None:
    host = socket.gethostname().split(".")[0]
    socket.gethostbyname(host)  # Slurm gives up with an obscure message where this fails
    controller_port, node_port = _free_ports()
    text = CONFIGURATION.format(
        host=host, folder=folder, gpus=GPUS, controller_port=controller_port, node_port=node_port
    )
    (folder / "slurm.conf").write_text(text)
    (folder / "cgroup.conf").write_text(CGROUP)
    devices = f"Name=gpu Type=a100 File={folder}/dev/nvidia[0-{GPUS - 1}]"
    (folder / "gres.conf").write_text(f"AutoDetect=off\n{devices}\n")
    (folder / "munge.key").write_bytes(secrets.token_bytes(1024))
    (folder / "munge.key").chmod(0o600)
    folder.chmod(0o755)
    SYSTEM_CONFIGURATION.unlink(missing_ok=True)
    SYSTEM_CONFIGURATION.symlink_to(folder / "slurm.conf")


def _free_ports() -> list[int]:
    sockets = [socket.create_server(("", 0)) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _run(*command: str | Path) -> str:
    environment = {**os.environ, "PATH": search_path()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def _wait_for_node(folder: Path) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            state = _run("sinfo", "--noheader", "--format=%t").strip()
        except RuntimeError as error:
            state = str(error)
        if state == "idle":
            return
        if time.monotonic() > end:
            raise RuntimeError(f"the node is not idle but '{state}'; see the logs in {folder}")
        time.sleep(0.2)


def _alive(pid_file: Path) -> bool:
    try:
        os.kill(int(pid_file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    actions = {"install": install, "start": start, "stop": stop}
    actions[sys.argv[1]](*(Path(argument).resolve() for argument in sys.argv[2:]))
