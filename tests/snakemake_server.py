"""Runs Snakemake in forks of one process that has imported it, because imports take half of a dry run's time.

It reads a request as a line of JSON, and answers with the exit status. The workflow, and with it this project's code,
is imported by the fork alone, from the PYTHONPATH of the request.
"""

import json
import os
import signal
import sys
import traceback
from typing import Any

import jinja2
import numpy
import pandas
import pydantic
import requests
import safetensors.numpy
import snakemake.api
import snakemake.cli
import snakemake.workflow
import yaml

PRELOADED = (
    jinja2,
    numpy,
    pandas,
    pydantic,
    requests,
    safetensors.numpy,
    snakemake.api,
    snakemake.workflow,
    yaml,
)


def main() -> None:
    """Serve until the caller closes the pipe."""
    del sys.path[0]  # the folder of the tests
    assert "prunepipe" not in sys.modules
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            sys.exit(run(json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(request: dict[str, Any]) -> object:
    """Do what `python -m snakemake ARGUMENTS` does in a folder, and return what it ends with."""
    folder, environment = request["folder"], request["environment"]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    here = [] if environment.get("PYTHONSAFEPATH") else [folder]
    sys.path[:0] = [*here, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = ["snakemake", *request["arguments"]]
    files = {0: os.devnull, 1: request["output"], 2: request["errors"]}
    for number, path in files.items():
        os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    signal.alarm(request["seconds"])
    try:
        snakemake.cli.main()
    except SystemExit as end:
        return end.code
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
