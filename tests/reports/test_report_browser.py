"""The report in a real Chromium: no console message, sorting, filtering, curves, and no sideways scroll on a phone."""

import json
import re
import shutil
import subprocess

import pytest
from report_pages import Page, complete_results, make_report, report_of
from simulated_results import lose

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--allow-file-access-from-files", "--enable-logging=stderr",
    "--virtual-time-budget=3000",
)  # fmt: skip
LIGHT, DARK = "--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
    pytest.mark.xdist_group("chromium"),
]

FRAME = """<!DOCTYPE html><title>frame</title>
<iframe src="{page}" style="border:0;width:{width}px;height:800px"></iframe>
<pre id="said"></pre>
<script>
addEventListener("message", event => document.getElementById("said").textContent = event.data)
</script>"""

VISIT = """
<script>
addEventListener("load", async () => {
  const said = {};
  const settled = () => new Promise((resolve) => setTimeout(resolve, 50));
  try {
    (VISIT)
  } catch (error) { said.error = String(error); }
  const text = JSON.stringify(said);
  if (parent !== window) parent.postMessage(text, "*");
  document.body.insertAdjacentHTML("beforeend", "<pre id=said></pre>");
  document.getElementById("said").textContent = text;
});
</script>
"""


def run_chromium(folder, address, *options):
    """Return standard output and the messages of the page's console."""
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}", *options, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def visit(folder, html, script, *, width=None, fragment=""):
    """Run a script in a copy of the page that lets it, in a frame if a width is given; return what it said."""
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    page = folder / "visited.html"
    page.write_text(html.replace("</body>", VISIT.replace("(VISIT)", script) + "</body>"), encoding="utf-8")
    address = page.as_uri() + fragment
    if width is not None:
        (folder / "frame.html").write_text(FRAME.format(page=address, width=width), encoding="utf-8")
        address = (folder / "frame.html").as_uri()
    output, console = run_chromium(folder, address, "--dump-dom")
    assert not console
    said = json.loads(re.findall(r'<pre id="said">(.*?)</pre>', output)[-1].replace("&amp;", "&"))
    assert "error" not in said, said["error"]
    return said


@pytest.fixture(scope="module")
def html():
    return make_report()


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_page_says_nothing_on_the_console_and_paints_its_scheme(tmp_path, html, scheme):
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    shot = tmp_path / "shot.png"
    address = (tmp_path / "report.html").as_uri() + "#cell-3"
    _, console = run_chromium(tmp_path, address, scheme, "--window-size=1280,900", f"--screenshot={shot}")
    assert console == []
    image = pytest.importorskip("PIL.Image").open(shot).convert("L")
    assert (image.getpixel((2, 2)) > 200) == (scheme == LIGHT)


def test_a_script_that_is_not_the_pages_own_cannot_run(tmp_path, html):
    broken = html.replace("</body>", "<script>document.title = 'taken over'</script></body>")
    (tmp_path / "report.html").write_text(broken, encoding="utf-8")
    output, console = run_chromium(tmp_path, (tmp_path / "report.html").as_uri(), "--dump-dom")
    assert any("Content Security Policy" in line for line in console)
    assert "<title>prunepipe: simulated</title>" in output


SORT_AND_FILTER = """
  const table = document.getElementById("cells-table");
  const heading = Array.from(table.tHead.rows[0].cells).find((cell) => cell.textContent === "Accuracy");
  const button = heading.querySelector("button");
  const column = () => Array.from(table.tBodies[0].rows, (row) => row.cells[heading.cellIndex].textContent);
  const rows = () => Array.from(table.tBodies[0].rows).filter((row) => !row.hidden);
  said.before = heading.getAttribute("aria-sort");
  button.focus();
  said.focused = document.activeElement === button;
  button.click(); said.ascending = column(); said.first = heading.getAttribute("aria-sort");
  button.click(); said.descending = column(); said.second = heading.getAttribute("aria-sort");
  table.tHead.rows[0].cells[0].querySelector("button").click();
  said.methods = Array.from(table.tBodies[0].rows, (row) => row.cells[0].textContent);
  said.sorted = table.querySelectorAll("[aria-sort]").length;
  const form = document.querySelector("form");
  const change = (name, value) => {
    form.elements[name].value = value;
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };
  change("words", "hybrid 98"); said.words = rows().map((row) => row.textContent.replace(/\\s+/g, " "));
  change("check", "none"); said.both = rows().length; said.output = form.querySelector("output").value;
  form.querySelector("[type=reset]").click(); await settled(); said.cleared = rows().length;
  change("state", "gap"); said.gaps = rows().map((row) => row.cells[0].textContent);
"""


def test_cells_sort_and_filter(tmp_path):
    results = lose(complete_results(), ticket="random", check="none", prune_ratio=0.9)
    said = visit(tmp_path, report_of(results), SORT_AND_FILTER)
    numbers = [float(text) for text in said["ascending"][:-1]]
    assert numbers == sorted(numbers)
    assert said["ascending"][-1] == said["descending"][-1] == "–"  # unknown stays last
    assert said["descending"][:-1] == [f"{number:.2f}" for number in sorted(numbers, reverse=True)]
    assert (said["before"], said["first"], said["second"]) == (None, "ascending", "descending")
    assert said["focused"]
    assert said["sorted"] == 1
    assert said["methods"] == sorted(said["methods"], key=str.lower)
    assert len(said["words"]) == 3
    assert all("Hybrid" in row and "98 %" in row for row in said["words"])
    assert said["both"] == 1
    assert said["output"] == f"1 of {said['cleared']} cells"
    assert said["cleared"] == len(said["methods"])
    assert said["gaps"] == ["Random"]


OPEN_RUNS = """
  const cell = document.querySelector(location.hash);
  await settled();
  said.open = cell.open && cell.parentElement.open;
  said.curves = cell.querySelectorAll("path.curve").length;
  said.label = cell.querySelector("svg").getAttribute("aria-label");
  said.copy = cell.querySelector(".command button").textContent;
  const cells = Array.from(document.querySelectorAll("details.cell"));
  const gone = cells.find((cell) => cell.textContent.includes("collapsed"));
  gone.open = true; await settled();
  said.gone = gone.querySelector("figure").textContent;
"""


def test_a_link_to_a_cell_opens_its_runs_and_draws_their_curves(tmp_path, html):
    page = Page(html)
    row = next(row for row in page.find("tr") if row.attributes.get("data-state") == "complete")
    link = next(element for element in row.below() if element.tag == "a").attributes["href"]
    said = visit(tmp_path, html, OPEN_RUNS, fragment=link)
    assert said["open"]
    assert said["curves"] == 3
    assert re.fullmatch(
        r"Test accuracy over epochs 1 to 4: (seed \d ends at [\d.]+ %(, )?){3}\.", said["label"]
    )
    assert said["copy"] == "Copy"
    assert "collapsed and so not trained" in said["gone"]


PHONE = """
  for (const details of document.querySelectorAll("details")) details.open = true;
  await settled();
  said.width = innerWidth;
  said.page = document.documentElement.scrollWidth;
  said.boxes = Array.from(document.querySelectorAll(".box")).filter((box) => box.scrollWidth > box.clientWidth).length;
"""


def test_a_phone_scrolls_tables_inside_their_box_and_never_the_page(tmp_path, html):
    said = visit(tmp_path, html, PHONE, width=390)
    assert said["width"] == 390
    assert said["page"] <= 390
    assert said["boxes"] > 0


CONTRAST = """
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function seen(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  }
  const light = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  function behind(element) {
    for (; element; element = element.parentElement) {
      const colour = seen(getComputedStyle(element).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  }
  said.low = [];
  said.seen = 0;
  const texts = "p, li, td, th, a, b, small, span, caption, figcaption, summary, button, label, h1, h2, h3, code";
  for (const element of document.querySelectorAll(texts)) {
    if (!element.textContent.trim() || element.closest("svg")) continue;
    const [one, other] = [light(seen(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    said.seen += 1;
    if (ratio < 4.5) said.low.push([element.tagName, element.className, ratio.toFixed(2)].join(" "));
  }
  said.low = Array.from(new Set(said.low));
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(tmp_path, scheme):
    html = report_of(lose(complete_results(), seed=2))
    html = html.replace("(prefers-color-scheme: dark)", "all" if scheme == "dark" else "not all")
    said = visit(tmp_path, html, CONTRAST)
    assert said["seen"] > 500
    assert said["low"] == []
