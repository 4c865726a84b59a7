"""Downloads over HTTP from this machine: complete and checked, or not there at all."""

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from prunepipe.datasets.sources import bytes_md5, download, file_md5
from prunepipe.errors import ArtifactError, ConfigError

CONTENT = b"the published bytes"
MD5 = hashlib.md5(CONTENT).hexdigest()


class Answers(BaseHTTPRequestHandler):
    """Has /whole, and /short that ends before the length it announces; anything else is not found."""

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()
        if self.path != "/missing":
            self.wfile.write(CONTENT if self.path == "/whole" else CONTENT[:5])

    def answer(self):
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", "0" if self.path == "/missing" else str(len(CONTENT)))
        self.end_headers()

    def log_message(self, *parts):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Answers) as answering:
        thread = threading.Thread(target=answering.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{answering.server_port}"
        answering.shutdown()
        thread.join()


def test_a_download_arrives_under_its_name(tmp_path, server):
    target = tmp_path / "data" / "deep" / "local.bin"
    patience = socket.getdefaulttimeout()
    download(f"{server}/whole", target, MD5)
    assert target.read_bytes() == CONTENT
    assert [entry.name for entry in target.parent.iterdir()] == ["local.bin"]
    assert socket.getdefaulttimeout() == patience


@pytest.mark.parametrize(("name", "md5"), [("whole", "0" * 32), ("short", MD5), ("missing", MD5)])
def test_a_failed_download_says_so_and_leaves_nothing(tmp_path, server, name, md5):
    with pytest.raises(ConfigError, match=f"the download of {server}/{name} failed"):
        download(f"{server}/{name}", tmp_path / "data" / "local.bin", md5)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_failed_download_keeps_the_file_that_was_there(tmp_path, server):
    target = tmp_path / "local.bin"
    target.write_bytes(b"before")
    with pytest.raises(ConfigError, match="failed"):
        download(f"{server}/short", target, MD5)
    assert target.read_bytes() == b"before"


def test_checksums_of_files_and_bytes_agree(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    assert file_md5(tmp_path / "file") == bytes_md5(CONTENT) == MD5
    with pytest.raises(ArtifactError, match="gone: cannot be read"):
        file_md5(tmp_path / "gone")
