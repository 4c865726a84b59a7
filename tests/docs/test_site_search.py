"""The documentation site is searched without a server."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PAGE = """<body><script src="iframe-worker.js"></script><script>
const worker = new Worker("worker.js");
worker.addEventListener("message", (event) => (document.body.dataset.answer = event.data));
worker.postMessage(20);
</script></body>"""
WORKER = """addEventListener("message", async (event) => {
  await importScripts("one.js", "two.js");
  postMessage(event.data + one + two);
});"""


def test_the_site_takes_its_search_from_the_folder() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    site = yaml.safe_load(text.replace("!!python", "#"))
    assert {"search", "offline"} <= {plugin for plugin in site["plugins"] if isinstance(plugin, str)}
    (polyfill,) = site["extra"]["polyfills"]
    assert "iframe-worker" in polyfill  # or the plugin loads its own from the network
    assert (ROOT / "docs" / polyfill).is_file()


@pytest.mark.xdist_group("chromium")
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_page_opened_from_a_folder_runs_the_worker_of_the_search(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs" / "javascripts" / "iframe-worker.js", tmp_path)
    files = {"page.html": PAGE, "worker.js": WORKER, "one.js": "var one = 1", "two.js": "var two = one + 1"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=3000",
        "--dump-dom",
    ]
    command += [f"--user-data-dir={tmp_path}/profile", (tmp_path / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert 'data-answer="23"' in done.stdout
