"""A report's tables and figures as files for a paper: CSV and LaTeX, SVG and PDF."""

import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from kronface.evaluation.report.plots import to_pdf
from kronface.evaluation.report.section import Section, tables_and_plots
from kronface.evaluation.report.table import Table, to_csv, to_latex
from kronface.files import write_bytes, write_text


def write_files(sections: Sequence[Section], *, tables: Path | None = None, figures: Path | None = None) -> list[Path]:
    """Writes every table and every figure; the same sections give the same bytes.

    Args:
        sections: of the report.
        tables: folder for `NAME.csv` and `NAME.tex`; None leaves them out.
        figures: folder for `NAME.svg` and `NAME.pdf`; None leaves them out.

    Returns:
        What was written.
    """
    written: list[Path] = []
    taken: set[tuple[str, str]] = set()
    for part in tables_and_plots(sections):
        folder = tables if isinstance(part, Table) else figures
        if folder is None:
            continue
        stem = _free(part.name, part.kind, taken)
        if isinstance(part, Table):
            write_text(folder / f"{stem}.csv", to_csv(part))
            write_text(folder / f"{stem}.tex", to_latex(part))
            written += [folder / f"{stem}.csv", folder / f"{stem}.tex"]
        else:
            write_vectors(folder / stem, part.svg, part.figure)
            written += [folder / f"{stem}.svg", folder / f"{stem}.pdf"]
    return written


def write_vectors(stem: Path, svg: str, figure: Figure) -> None:
    """Writes `STEM.svg` and `STEM.pdf`; `svg` is that of `plots.to_svg`."""
    write_text(stem.with_name(f"{stem.name}.svg"), f'<?xml version="1.0" encoding="utf-8"?>\n{svg}')
    write_bytes(stem.with_name(f"{stem.name}.pdf"), to_pdf(figure))


def _free(name: str, kind: str, taken: set[tuple[str, str]]) -> str:
    """A name for a file that no other part of the kind has; names of networks may be anything, or alike."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or kind
    free, number = stem, 2
    while (kind, free) in taken:
        free, number = f"{stem}-{number}", number + 1
    taken.add((kind, free))
    return free
