"""The documentation site: Sphinx with pages in Markdown and the API from docstrings; `make docs` builds it."""

import json
import os
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from kronface import __version__

sys.path.insert(0, str(Path(__file__).parent))
from run_tutorials import BUILD, OUTPUTS, TUTORIALS, rendered, unrun

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
python_display_short_literal_types = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"Kronface {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # a browser does not let a page from a folder read the others' text


def with_outputs(app: Sphinx, docname: str, source: list[str]) -> None:
    """Puts what the commands printed into a tutorial."""
    name = docname.removeprefix("tutorials/")
    if name == docname:
        return
    if not app.config.tutorials_are_run:
        source[0] = unrun(source[0])
    else:
        kept = json.loads((BUILD / name / OUTPUTS).read_text(encoding="utf-8"))
        source[0] = rendered(source[0], kept["outputs"], os.path.relpath(BUILD / name, TUTORIALS))


def tutorials_to_read(app: Sphinx, env: BuildEnvironment, *_: object) -> list[str]:  # noqa: ARG001
    """All of them: Sphinx does not see that outputs have changed."""
    return [name for name in env.found_docs if name.startswith("tutorials/")]


def setup(app: Sphinx) -> None:
    """Sphinx calls it first of all."""
    app.add_config_value("tutorials_are_run", default=True, rebuild="env")
    app.connect("source-read", with_outputs)
    app.connect("env-get-outdated", tutorials_to_read)
