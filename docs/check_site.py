"""Checks the built site: every link inside of it leads somewhere, and nothing is loaded from elsewhere.

Run by `make docs`. The site has to work from a folder, without a network.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img": "src", "script": "src", "source": "src", "link": "href", "iframe": "src"}
"""Elements that make a browser load something, and the attribute that says what."""


@dataclass
class Page(HTMLParser):
    """What a page points at, and what can be pointed at in it."""

    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begins to parse."""
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps the element's addresses."""
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in LOADED and LOADED[tag] in values:
            self.loaded.append(values[LOADED[tag]])


def problems(site: Path) -> list[str]:
    """Every link that leads nowhere and every address outside that a page loads from, in words.

    Args:
        site: the folder of the built site.
    """
    pages = {path.resolve(): _parsed(path) for path in sorted(site.rglob("*.html"))}
    return [problem for path, page in pages.items() for problem in _of_page(path, page, pages, site.resolve())]


def _parsed(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _of_page(path: Path, page: Page, pages: Mapping[Path, Page], site: Path) -> Iterator[str]:
    where = path.relative_to(site)
    for address in page.loaded:
        if urlsplit(address).scheme not in ("", "data") or address.startswith("//"):
            yield f"{where} loads {address}: the site has to work without a network"
    for address in [*page.links, *page.loaded]:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.is_relative_to(site) or not target.is_file():
            yield f"{where} links to {address}, which is not there"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{where} links to {address}, a place that the page does not have"


if __name__ == "__main__":
    found = problems(Path(sys.argv[1]))
    print("\n".join(found))
    print(f"{sys.argv[1]}: {'every link leads somewhere' if not found else f'{len(found)} problems'}")
    sys.exit(1 if found else 0)
