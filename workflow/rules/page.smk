# What the report is made from.
import hashlib

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
