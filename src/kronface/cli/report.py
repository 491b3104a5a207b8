"""`kronface report`: results files as one page."""

from pathlib import Path

from kronface.errors import ConfigError


def report(results: list[Path], *, out: Path = Path("report.html"), title: str = "Face identification report") -> str:
    """Writes one self-contained HTML page from results files: curves, tables, faces, right and wrong matches.

    Args:
        results: files that kronface evaluate wrote with --json, or folders of them.
        out: the page.
        title: of the page.
    """
    from kronface.evaluation.report.page import build
    from kronface.evaluation.result import load_result

    files = [path for given in results for path in (sorted(given.glob("*.json")) if given.is_dir() else [given])]
    if not files:
        raise ConfigError("no results files: name some that kronface evaluate wrote with --json")
    build([load_result(path) for path in files], title=title, out=out)
    return f"report: {out}"
