"""No test of the loaders downloads anything."""

import pytest

from prunepipe.errors import ConfigError


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def download(url, path, md5):
        raise ConfigError(f"the download of {url} failed (no network).")

    monkeypatch.setattr("prunepipe.datasets.sources.download", download)
