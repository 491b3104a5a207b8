"""Links between the repository's pages, the files that say who, what and how, and the check of the built site."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from check_site import problems

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
INCLUDE = re.compile(r"```\{include\} (\S+)")


def text_of(page: Path) -> str:
    """A page with what it includes, without its fenced blocks."""
    text = page.read_text(encoding="utf-8")
    included = [text_of((page.parent / name).resolve()) for name in INCLUDE.findall(text)]
    return "\n".join([FENCE.sub("", text), *included])


def anchors(page: Path) -> set[str]:
    """What can be linked to in a page: its headings, as forges write them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A Heading, and more\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](none.md) [c](other.md#a-heading-and-more) [d](other.md#no)\n```\n[e](no.md)\n```\n"
    )
    assert broken(page) == ["none.md", "other.md#no"]


def test_every_page_is_in_the_site() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    names = {line for text in re.findall(r"```\{toctree\}(.*?)```", index, re.DOTALL) for line in text.split()}
    docs = ROOT / "docs"
    pages = {str(path.relative_to(docs).with_suffix("")) for path in docs.rglob("*.md")} - {"index"}
    assert pages <= names


def test_the_api_has_every_room() -> None:
    package = ROOT / "src" / "kronface"
    rooms = {path.stem for path in package.glob("[a-z]*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    named = set(re.findall(r"^   kronface\.(\w+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE))
    assert rooms - named == {"cli"}  # the commands have a page of their own
    assert named <= rooms


def test_the_citation_is_whole_and_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # What the Citation File Format 1.2.0 requires, and the values that it allows.
    assert citation["cff-version"] == "1.2.0"
    assert all(isinstance(citation[key], str) for key in ("message", "title", "version", "license"))
    assert citation["authors"] == [{"name": "The Kronface authors"}]
    assert citation["type"] == "software"
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    (paper,) = citation["references"]
    assert paper["type"] == "conference-paper"
    assert [author["family-names"] for author in paper["authors"]] == ["Taherkhani", "Nasrabadi", "Dawson"]
    assert re.fullmatch(r"10\.\d{4,9}/\S+", paper["doi"])
    assert f" {project['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_built_site_is_checked(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="sub/page.html#there">a</a><a href="sub/page.html#not">b</a><a href="gone.html">c</a>'
        '<a href="https://example.org">d</a><a href="#top">e</a><h1 id="top">f</h1><a href="../outside.html">g</a>'
        '<script src="https://example.org/x.js"></script><img src="data:image/png;base64,AA"><img src="no.png">'
    )
    (tmp_path / "sub" / "page.html").write_text('<p id="there"></p><a href="../index.html">a</a>')
    (tmp_path.parent / "outside.html").write_text("")
    found = problems(tmp_path)
    assert len(found) == 5
    for address in ("sub/page.html#not", "gone.html", "../outside.html", "https://example.org/x.js", "no.png"):
        assert any(address in problem for problem in found)
