"""Reports of made-up studies, and what can be read off the page."""

from html.parser import HTMLParser

from simulated_results import make_collected, make_results, make_study

from prunepipe.reports.page import build_report
from prunepipe.reports.plots import figures_of
from prunepipe.verdicts.judge import judge

VOID = {"meta", "link", "img", "input", "br", "hr", "rect", "path", "circle"}
DRAWING = '<svg width="72pt" height="36pt" viewBox="0 0 72 36" xmlns="http://www.w3.org/2000/svg"><!-- seen --></svg>'
STUDY = make_study()


def make_report(data=None, study=STUDY, figures=None):
    data = make_collected(study) if data is None else data
    figures = dict.fromkeys(figures_of(study), DRAWING) if figures is None else figures
    return build_report(data, judge(data.results, study), study, figures)


def report_of(results, study=STUDY, figures=None):
    return make_report(make_collected(study, results), study, figures)


def complete_results(study=STUDY):
    return make_results(study, collapse=True)


class Element:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children, self.pieces = [], []

    @property
    def text(self):
        return " ".join("".join(self.pieces).split())

    def below(self):
        for child in self.children:
            yield child
            yield from child.below()

    def above(self):
        element = self.parent
        while element is not None:
            yield element
            element = element.parent


class Page(HTMLParser):
    """The elements of a page; refuses markup whose tags do not match."""

    def __init__(self, html):
        super().__init__()
        self.root = self.here = Element("document", {}, None)
        self.feed(html)
        assert self.here is self.root, f"<{self.here.tag}> is not closed"

    def handle_starttag(self, tag, attributes):
        element = Element(tag, dict(attributes), self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag, attributes):
        self.here.children.append(Element(tag, dict(attributes), self.here))

    def handle_endtag(self, tag):
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        self.here = self.here.parent

    def handle_data(self, data):
        for element in [self.here, *self.here.above()]:
            element.pieces.append(data)

    def find(self, tag=None, **attributes):
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.root.below()
            if tag in (None, element.tag)
            and all(
                value in (element.attributes.get(name) or "").split()
                if name == "class"
                else element.attributes.get(name) == value
                for name, value in wanted.items()
            )
        ]

    def one(self, tag=None, **attributes):
        found = self.find(tag, **attributes)
        assert len(found) == 1, f"{len(found)} elements {tag} {attributes}"
        return found[0]
