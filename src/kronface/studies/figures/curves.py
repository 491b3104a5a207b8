"""Figure 3: CMC curves of every method that has results, on a logarithmic axis of ranks."""

from pathlib import Path

from kronface.errors import ConfigError
from kronface.files import write_bytes, write_text


def figure_3(results: Path, *, out: Path = Path("runs/figures")) -> str:
    """Draws the CMC curves of results files, also of other systems' cmc_*.json. Leaves figure-3.svg, .pdf, .png, .csv.

    Args:
        results: a file that kronface evaluate wrote with --json, or a folder of such files and of the devkit's
            cmc_*.json.
        out: folder for the files.

    Returns:
        Each curve's rank-1 and rank-10, and where the figure is.

    Raises:
        ConfigError: nothing there has a CMC.
        DataError: a file is no results file.
    """
    from kronface.evaluation.report.files import write_vectors
    from kronface.evaluation.report.identification import with_variants
    from kronface.evaluation.report.plots import cmc_figure, to_png, to_svg
    from kronface.evaluation.result_files import read_results

    found, imported = read_results(results)
    shown = [part for result in found if "cmc" in result for part in with_variants(result)]
    if not shown and not imported:
        raise ConfigError(f"{results} holds no CMC: write one by kronface evaluate megaface, celeba or folder --json")
    figure = cmc_figure(shown, imported)
    write_vectors(out / "figure-3", to_svg(figure), figure)
    write_bytes(out / "figure-3.png", to_png(figure))
    rows, lines = ["name,rank,rate"], []
    curves = [
        (result["name"], list(result.get("cmc_ranks") or range(1, len(result["cmc"]) + 1)), list(result["cmc"]))
        for result in shown
    ]
    curves += [(f"{other.name} (imported)", other.ranks.tolist(), other.cmc.tolist()) for other in imported]
    for name, ranks, rates in curves:
        quoted = '"' + name.replace('"', '""') + '"'
        rows += [f"{quoted},{rank},{rate:.6f}" for rank, rate in zip(ranks, rates, strict=True)]
        marks = [f"rank-{rank} {rate:.3f}" for rank, rate in zip(ranks, rates, strict=True) if rank in (1, 10)]
        lines.append(f"{name}: {', '.join(marks)}")
    write_text(out / "figure-3.csv", "\n".join(rows) + "\n")
    return "\n".join([*lines, f"figure: {out / 'figure-3.png'}"])
