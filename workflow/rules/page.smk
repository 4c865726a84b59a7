# What the report and `partial` are made from.
import hashlib
import shlex

from prunepipe.results.layout import PARTIAL
from prunepipe.results.code_reach import PACKAGE

FIGURE_FILES = {name: f"results/figures/{name}.svg" for name in figures_of(STUDY)}
REPORT_SETTINGS = json.dumps({"figures": FIGURE_FILES})
REPORT_FRAMES = " ".join(
    f"--{name} results/{name}.csv"
    for name in ("results", "layers", "histories", "overlap")
)


def report_code():
    """Return the checksum of what makes the page: code, templates, style and script."""
    parts = sorted(
        (PACKAGE / "reports" / "page").glob("[at]*s/*")
    )  # assets/ and templates/
    text = b"".join(part.read_bytes() for part in parts)
    return version("report") + hashlib.sha256(text).hexdigest()[:12]


def stage_command(script, **options):
    """Return the command that runs a script of the workflow on this study."""
    options = {"study": STUDY_FILE, **options}
    words = [f"--{name} {shlex.quote(str(value))}" for name, value in options.items()]
    return f"{LAUNCH} {script}.py {' '.join(words)}"


def partial_commands():
    """Return the commands that make what can be made so far, in their order."""
    frames = {
        name: f"{PARTIAL}/{name}.csv"
        for name in ("results", "layers", "histories", "overlap")
    }
    results = frames["results"]
    yield f"rm -rf {PARTIAL}"  # nothing of another study or time stays
    tables = f"{PARTIAL}/tables"
    collected = {name: frames[name] for name in ("results", "layers", "histories")}
    yield stage_command("collect", **collected)
    for name in STUDY.tables:
        files = {kind: f"{tables}/{name}.{kind}" for kind in ("csv", "md", "tex")}
        yield stage_command(
            "table", results=results, **files, settings=json.dumps({"table": name})
        )
    yield stage_command(
        "verdicts",
        results=results,
        csv=f"{tables}/verdicts.csv",
        md=f"{tables}/verdicts.md",
        effects=f"{tables}/effects.csv",
        methods=f"{tables}/methods.csv",
        gains=f"{tables}/decomposition.csv",
        gains_md=f"{tables}/decomposition.md",
    )
    yield stage_command("overlap", overlap=frames["overlap"])
    figures = {name: f"{PARTIAL}/figures/{name}.svg" for name in FIGURE_FILES}
    for name, svg in figures.items():
        drawing = stage_command(
            "figure",
            results=results,
            **{need: frames[need] for need in FIGURES[name].needs},
            svg=svg,
            png=svg.replace(".svg", ".png"),
            settings=json.dumps({"figure": name}),
        )
        yield f"{drawing} || rm -f {svg}"  # what cannot be drawn yet, the page marks
    # By name it would be taken for a keyword of Snakemake.
    page = {"report": f"{PARTIAL}/report.html"}
    yield stage_command(
        "report", **frames, **page, settings=json.dumps({"figures": figures})
    )
