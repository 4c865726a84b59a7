"""`prunepipe export`: write the trained network of a run in a format that other code can load."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunepipe.cli.inspect import identify
from prunepipe.results.layout import RUNS

FORMS = ("state_dict", "torch_prune", "safetensors", "onnx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a pruned run: results/runs/.../tickets/..."
    )
    parser.add_argument(
        "--to",
        choices=FORMS,
        required=True,
        help="state_dict: weights with zeros, and masks; torch_prune: weight_orig and weight_mask as of "
        "torch.nn.utils.prune; safetensors: weights with zeros, and masks; onnx: the graph (needs onnx, onnxscript)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="file to write (default: named after the run, in the current folder)",
    )
    parser.add_argument(
        "--data-folder",
        type=Path,
        metavar="FOLDER",
        help="folder of the prepared data sets (default: the one that the config.yaml of the run's project names)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the file, and print code that loads it."""
    from prunepipe.cli.workflow import site_of
    from prunepipe.errors import ArtifactError
    from prunepipe.stages.exporting import WRITERS, loading_example, read_run

    folder: Path = arguments.run.parent if arguments.run.is_file() else arguments.run
    if not folder.is_dir():
        raise ArtifactError(f"{arguments.run}: no such folder; see the `run` column of results/results.csv.")
    kind, place = identify(folder)
    if kind != "pruned run":
        raise ArtifactError(f"{folder}: {kind}; only pruned runs (.../tickets/...) are exported.")
    root = Path(folder.resolve().as_posix().partition(f"/{RUNS}/")[0])
    trained = read_run(folder, arguments.data_folder or root / site_of(root).prepared)
    ending, write = WRITERS[arguments.to]
    name = "-".join((place["study"], place["network"], place["ticket"], place["check"]))
    output: Path = arguments.output or Path(f"{name}-p{place['prune_ratio']}-seed{place['seed']}{ending}")
    write(trained, output)
    print(f"{output}: {trained.accuracy:.2f} % of the test images right, as recorded. To load it:\n")
    print(loading_example(trained, arguments.to, output.resolve()))
    return 0
