"""The documentation site: Sphinx with pages in Markdown and the API from docstrings; `make docs` builds it."""

import json
import os
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from kronface import __version__

sys.path.insert(0, str(Path(__file__).parent))
from run_tutorials import BUILD, OUTPUTS, ROOT, TUTORIALS, rendered, unrun

project = "Kronface"
author = "The Kronface authors"
copyright = author
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["templates"]
templates_path = ["templates"]
default_role = "code"  # docstrings have names and formulas in single backticks
highlight_language = "none"
myst_heading_anchors = 3

autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "show-inheritance": True,
    "ignore-module-all": True,  # what a room hands on is described where it is written
}
autodoc_typehints_format = "short"
autosummary_generate = True
add_module_names = False
viewcode_follow_imported_members = False
python_display_short_literal_types = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"Kronface {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # a browser does not let a page from a folder read the others' text


DOCS = Path(__file__).resolve().parent
LINK = re.compile(r"\]\((?![\w+]+:|#)([^)#\s]+)")


def as_read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Puts what the commands printed into a tutorial, and links as the site has them into every page."""
    name = docname.removeprefix("tutorials/")
    page = (DOCS / docname).parent
    source[0] = _linked(source[0], page, page)
    if name == docname:
        return
    if not app.config.tutorials_are_run:
        source[0] = unrun(source[0])
    else:
        kept = json.loads((BUILD / name / OUTPUTS).read_text(encoding="utf-8"))
        source[0] = rendered(source[0], kept["outputs"], os.path.relpath(BUILD / name, TUTORIALS))


def as_included(app: Sphinx, included: Path, parent: str, content: list[str]) -> None:  # noqa: ARG001 - Sphinx's event
    """Turns links of the repository's own pages, such as its README, into links of the site."""
    file = (DOCS / included).resolve()
    content[0] = _linked(content[0], file.parent, DOCS / file.parent.relative_to(ROOT))


def _linked(text: str, where: Path, page: Path) -> str:
    """Links that are meant from the folder `where`, as links from the folder of a page.

    A file outside of docs/ that has a page in it, under the same name, is that page; any other is handed over as it is.
    """

    def turned(match: re.Match[str]) -> str:
        target = (where / match[1]).resolve()
        if not target.is_relative_to(ROOT):
            return match[0]
        inside = target if target.is_relative_to(DOCS) else DOCS / target.relative_to(ROOT)
        if inside.exists():
            return "](" + os.path.relpath(inside, page)
        return "](path:" + os.path.relpath(target, page)

    return LINK.sub(turned, text)


def words_alone(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:  # noqa: ARG001
    """Keeps napoleon from taking what stands before a colon for the type of a constant: types are in annotations."""
    if what in ("attribute", "data", "property"):
        lines.insert(0, "\\")  # an escaped end of line, which shows nothing; napoleon skips lines that are empty


def tutorials_to_read(app: Sphinx, env: BuildEnvironment, *_: object) -> list[str]:  # noqa: ARG001
    """All of them: Sphinx does not see that outputs have changed."""
    return [name for name in env.found_docs if name.startswith("tutorials/")]


def setup(app: Sphinx) -> None:
    """Sphinx calls it first of all."""
    app.add_config_value("tutorials_are_run", default=True, rebuild="env")
    app.connect("source-read", as_read)
    app.connect("include-read", as_included)
    app.connect("env-get-outdated", tutorials_to_read)
    app.connect("autodoc-process-docstring", words_alone, priority=400)
