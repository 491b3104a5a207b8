"""One table in three forms: HTML, CSV and LaTeX say the same."""

import csv
import io
import re

import pytest
from jinja2 import Environment, PackageLoader

from kronface.evaluation.report.table import (
    Cell,
    Column,
    Table,
    escape_latex,
    number,
    percent,
    points,
    text,
    to_csv,
    to_latex,
)

TABLE = Table(
    "some-name",
    "A title & more",
    (
        Column("who"),
        Column("note", is_text=True),
        Column("rate", "one_net", has_interval=True),
        Column("count", "one_net"),
        Column("old", "published", source="Them & co, 2015"),
    ),
    (
        (
            text("A_b"),
            text("50 % <i>"),
            percent(0.912, 0.9, 0.923),
            text(12345),
            Cell("87", kind="published", mark="1*"),
        ),
        (text("[c]"), text(None), percent(None), text(None), Cell("—")),
        (text("mean"), Cell(""), percent(0.5), text(3), Cell("90", kind="published")),
    ),
    note="How to read it",
    footnotes=("a slip of $5",),
    remarks=("A remark",),
    summaries=1,
)


def html(table: Table) -> str:
    environment = Environment(
        loader=PackageLoader("kronface.evaluation.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["plain"] = str
    return str(environment.get_template("page.html").module.table(table))  # type: ignore[attr-defined]


def test_cells_show_rates_differences_and_dashes() -> None:
    assert percent(0.12345) == Cell("12.3")
    assert percent(0.5, 0.4, None) == Cell("50.0")
    assert percent(0.5, 0.4, 0.6, digits=2) == Cell("50.00", "40.00", "60.00")
    assert percent(None, 0.1, 0.2) == number(None) == text(None) == Cell("—")
    assert points(-0.0312, -0.05, 0.01) == Cell("\u22123.1", "\u22125.0", "+1.0")
    assert number(-0.001) == Cell("0.00")
    assert text(1234567) == Cell("1,234,567")


def test_csv_holds_every_cell_and_the_ends_of_intervals_apart() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    heads = ["who", "note", "one_net: rate", "one_net: rate, low", "one_net: rate, high", "one_net: count"]
    assert rows[0] == [*heads, "published: old (published: Them & co, 2015)"]
    assert rows[1] == ["A_b", "50 % <i>", "91.2", "90.0", "92.3", "12345", "87"]
    assert rows[2] == ["[c]", "", "", "", "", "", ""]
    negative = Table("n", "", (Column("a"),), ((points(-0.1, None, None),),))
    assert to_csv(negative) == "a\n-10.0\n"


def plain_latex(line: str) -> str:
    """What a line shows, as far as this table needs it."""
    for command in (r"\\textit\{(.*?)\}", r"\\textsuperscript\{(.*?)\}", r"\{\\scriptsize \[(.*?)\]\}"):
        line = re.sub(command, r"\1", line)
    for command, letter in ((r"\textless{}", "<"), (r"\textgreater{}", ">"), ("---", "—"), ("{}", "")):
        line = line.replace(command, letter)
    return re.sub(r"\\([_%&$#])", r"\1", line)


def test_latex_is_escaped_and_whole() -> None:
    latex = to_latex(TABLE)
    assert escape_latex("\\{}$&#_%~^\n") == (r"\textbackslash{}\{\}\$\&\#\_\%\textasciitilde{}\textasciicircum{} ")
    unescaped = re.sub(r"\\[{}]", "", latex)
    assert unescaped.count("{") == unescaped.count("}")
    assert r"\begin{tabular}{llrrr}" in latex
    assert r"\caption{A title \& more.}" in latex
    assert r"\cmidrule(lr){3-4}\cmidrule(lr){5-5}" in latex
    body = latex[latex.index(r"\toprule") : latex.index(r"\bottomrule")]
    assert body.count(r"\midrule") == 2  # below the head, and above the mean
    rows = [line for line in body.splitlines() if line.endswith(r" \\")]
    widths = [len(re.findall(r"(?<!\\)&", line)) for line in rows[1:]]
    assert widths == [4] * 4
    assert plain_latex(rows[2]) == r"A_b & 50 % <i> & 91.2 90.0, 92.3 & 12,345 & 871* \\"
    assert rows[3].startswith("{}[c]")  # not an option of the row's end before
    assert r"a slip of \$5." in latex
    assert r"\textdagger}Published, not measured here: Them \& co, 2015." in latex


def test_the_page_says_what_the_files_say() -> None:
    page = html(TABLE)
    shown = [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.S)
    ]
    assert shown[0] == ["who", "note", "one_net", "published"]
    assert shown[1] == ["rate", "count", "old†"]
    assert shown[2] == ["A_b", "50 % &lt;i&gt;", "91.2 90.0 \u2013 92.3", "12,345", "871*"]
    assert re.search(r'<th scope="col" rowspan="2">who</th>', page)
    assert re.search(r'colspan="2"[^>]*>one_net', page)
    assert '<tr class="mean"><th scope="row">mean' in page
    assert '<span class="published">87</span><sup>1*</sup>' in page
    assert "<sup>1</sup> a slip of $5." in page
    assert "published, not measured here: Them &amp; co, 2015." in page
    for line, row in zip(csv.reader(io.StringIO(to_csv(TABLE)).readlines()[1:]), shown[2:], strict=True):
        low_high = f"{line[2]} {line[3]} \u2013 {line[4]}" if line[3] else line[2]
        assert (low_high or row[2]) == row[2]


def test_a_table_without_groups_has_one_row_of_heads() -> None:
    plain = Table("p", "", (Column("a"), Column("b")), ((text("x"), text(1)),))
    assert [len(line) for line in plain.head()] == [2]
    assert "cmidrule" not in to_latex(plain)
    assert "dagger" not in to_latex(plain)
    assert 'class="foot"' not in html(plain)


@pytest.mark.parametrize("bad", ["a\nb", "\x07", "a\u2028b"])
def test_control_characters_do_not_break_lines(bad: str) -> None:
    latex = to_latex(Table("p", bad, (Column(bad),), ((text(bad),),)))
    assert not set(latex) & {"\x07", "\u2028"}
    rows = [line for line in latex.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 2
