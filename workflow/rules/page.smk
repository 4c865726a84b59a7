# What the report is made from.
import hashlib
import shlex

from prunepipe.provenance import PACKAGE

FIGURE_FILES = {name: f"results/figures/{name}.svg" for name in figures_of(STUDY)}
REPORT_SETTINGS = json.dumps({"figures": FIGURE_FILES})
REPORT_FRAMES = " ".join(
    f"--{name} results/{name}.csv"
    for name in ("results", "layers", "histories", "overlap")
)


def report_code():
    """Return the checksum of what makes the page: code, templates, style and script."""
    parts = sorted((PACKAGE / "report").glob("[at]*s/*"))  # assets/ and templates/
    text = b"".join(part.read_bytes() for part in parts)
    return version("report") + hashlib.sha256(text).hexdigest()[:12]


def partial_page():
    """Return the commands of `partial` that make figures and the page; what cannot be drawn yet, the page marks."""
    study = f"--study {shlex.quote(str(STUDY_FILE))}"
    commands = [f"launch.py overlap.py {study} --overlap results/overlap.csv"]
    for name, svg in FIGURE_FILES.items():
        needs = " ".join(f"--{need} results/{need}.csv" for need in FIGURES[name].needs)
        drawing = shlex.quote(json.dumps({"figure": name}))
        commands.append(
            f"launch.py figure.py {study} --results results/results.csv {needs} --svg {svg} "
            f"--png results/figures/{name}.png --settings {drawing} || rm -f {svg}"
        )
    settings = shlex.quote(REPORT_SETTINGS)
    commands.append(
        f"launch.py report.py {study} {REPORT_FRAMES} --report results/report.html --settings {settings}"
    )
    return "; ".join(commands)
