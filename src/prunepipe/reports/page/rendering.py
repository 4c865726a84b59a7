"""Render a template as a page without external files; the common style is part of every page."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from prunepipe import __version__
from prunepipe.reports.page.formats import share
from prunepipe.results.labels import place_text, ratio_label, ticket_label


def render(template: str, **values: Any) -> str:
    """Return a template filled with values, the version and the style; the same values give the same bytes."""
    environment = Environment(
        loader=PackageLoader("prunepipe.reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(place_text=place_text)
    environment.filters.update(ticket=ticket_label, ratio=ratio_label, share=share, count="{:,}".format)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    page = environment.get_template(template)
    return page.render(version=__version__, style=Markup(asset("report.css")), **values)


def asset(name: str) -> str:
    """Return the text of a file in `assets`."""
    return (files("prunepipe.reports.page") / "assets" / name).read_text(encoding="utf-8").strip()
