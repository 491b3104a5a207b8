"""`kronface report`: results files as one page."""

from pathlib import Path

from kronface.errors import ConfigError


def report(
    results: Path,
    *,
    out: Path = Path("report.html"),
    title: str = "Face identification report",
    tables: Path | None = None,
    figures: Path | None = None,
) -> str:
    """Writes one self-contained HTML page from results files: curves, tables, faces, right and wrong matches.

    Args:
        results: a file that kronface evaluate wrote with --json, or a folder of such files, which are then compared;
            cmc_*.json files of the MegaFace devkit in it, of any system, stand in the same figure.
        out: the page.
        title: of the page.
        tables: folder for every table as CSV and LaTeX.
        figures: folder for every figure as SVG and PDF.
    """
    from kronface.evaluation.report.files import write_files
    from kronface.evaluation.report.page import build
    from kronface.evaluation.result_files import read_results
    from kronface.faces.image import read_image

    for folder, option in ((tables, "--tables"), (figures, "--figures")):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise ConfigError(f"{option} {folder} is a file: name a folder")
    found, imported = read_results(results)
    sections = build(
        found,
        title=title,
        out=out,
        read=read_image,
        imported=imported,
    )
    written = write_files(sections, tables=tables, figures=figures)
    lines = [f"report: {out}"]
    for folder, name in ((tables, "tables"), (figures, "figures")):
        if folder is not None:
            suffix = ".csv" if name == "tables" else ".svg"
            lines.append(f"{name}: {sum(path.suffix == suffix for path in written)} in {folder}")
    return "\n".join(lines)
