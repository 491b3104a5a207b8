"""The tutorials' runner on small tutorials, and every command that a page shows against the real options."""

import json
import re
import shlex
from pathlib import Path

import pytest

from kronface.cli.main import COMMANDS, build_parser, flags, lists, normalise
from run_tutorials import Block, TutorialError, blocks, rendered, run, tidy, tutorials, unrun

ROOT = Path(__file__).parents[2]

SMALL = """\
# Small

```console
$ echo one > file.txt
$ cat file.txt &&
> echo in 12.5 s
```

<!-- show file.txt: What was written -->

```python
print(2 + 2)
```

```console exit=2
$ echo "kronface: no" >&2; exit 2
```

```
kronface is not run here
```
"""


def test_a_tutorial_is_run_and_shown_with_what_it_printed(tmp_path: Path) -> None:
    tutorial = tmp_path / "small.md"
    tutorial.write_text(SMALL)
    out = tmp_path / "out"
    run(tutorial, out)
    outputs = json.loads((out / "outputs.json").read_text())["outputs"]
    assert outputs == [["", "one\nin … s"], ["4"], ["kronface: no"]]
    assert sorted(path.name for path in out.iterdir()) == ["file.txt", "outputs.json"]
    page = rendered(SMALL, outputs, "../made")
    assert "$ echo one > file.txt\n$ cat file.txt &&\n> echo in 12.5 s\none\nin … s\n```" in page
    assert "![What was written](../made/file.txt)" in page
    assert "print(2 + 2)\n```\n\n```text\n4\n```" in page
    assert "exit 2\nkronface: no\n```" in page
    assert "kronface is not run here" in page
    assert "> echo in 12.5 s\n```" in unrun(SMALL)
    assert "<!--" not in unrun(SMALL)


def test_a_tutorial_is_run_again_only_when_something_has_changed(tmp_path: Path) -> None:
    tutorial = tmp_path / "small.md"
    count = tmp_path / "count"
    tutorial.write_text(f"```console\n$ echo x >> {count}\n```\n")
    run(tutorial, tmp_path / "out")
    run(tutorial, tmp_path / "out")
    assert count.read_text() == "x\n"
    tutorial.write_text(tutorial.read_text() + "More words.\n")
    run(tutorial, tmp_path / "out")
    assert count.read_text() == "x\n"
    tutorial.write_text(tutorial.read_text() + "```console\n$ true\n```\n")
    run(tutorial, tmp_path / "out")
    assert count.read_text() == "x\nx\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```console\n$ false\n```\n", "ended with 1 instead of 0"),
        ("```console\n$ false | true\n```\n", "ended with 1 instead of 0"),
        ("```console exit=2\n$ true\n```\n", "ended with 0 instead of 2"),
        ("```console exit=2\n$ exit 2\n$ exit 2\n```\n", "ended with 2 instead of 0"),
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```console\nls\n```\n", "neither with"),
        ("<!-- show none.png: A picture -->\n", "no command has made none.png"),
        (f"```console\n$ echo {ROOT}/src\n```\n", "a place of this machine"),
    ],
)
def test_what_goes_wrong_ends_the_build(tmp_path: Path, text: str, message: str) -> None:
    tutorial = tmp_path / "wrong.md"
    tutorial.write_text(text)
    with pytest.raises(TutorialError, match=message):
        run(tutorial, tmp_path / "out")
    assert not (tmp_path / "out" / "outputs.json").exists()


def test_the_folder_that_it_ran_in_is_cut_from_the_output(tmp_path: Path) -> None:
    assert tidy(f"results: {tmp_path}/r.json in {tmp_path}\n", tmp_path) == "results: r.json in ."


def test_there_are_tutorials_and_all_their_blocks_are_run() -> None:
    assert {path.stem for path in tutorials()} == {"train", "evaluate", "reproduce"}
    for path in tutorials():
        text = path.read_text()
        assert len(blocks(text)) == len(re.findall(r"^```\w", text, re.MULTILINE)), path
        assert f"tutorials/{path.stem}\n" in (ROOT / "docs" / "index.md").read_text()


def shown_commands() -> list[tuple[str, str]]:
    """Every command of ours that a tutorial runs or the README shows, with its page."""
    found = [
        (path.name, command)
        for path in tutorials()
        for block in blocks(path.read_text())
        if block.language == "console"
        for command in block.commands()
    ]
    fenced = re.findall(r"^```\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    found += [("README.md", line) for text in fenced for line in text.splitlines()]
    return [(name, command) for name, command in found if command.startswith("kronface ")]


def test_every_command_that_is_shown_fits_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # recipes/ lies here
    commands = shown_commands()
    assert {name for name, _ in commands} == {"README.md", "train.md", "evaluate.md", "reproduce.md"}
    parser = build_parser()
    for name, command in commands:
        words = [word for word in shlex.split(command, comments=True)[1:] if word != "…"]
        words = ["recipes/paper/3-celeba.yaml" if word == "runs/mine/config.yaml" else word for word in words]
        try:
            parser.parse_args(normalise(words, flags(COMMANDS), lists(COMMANDS)))
        except Exception as error:  # noqa: BLE001 - whatever is wrong, the page has to be named
            pytest.fail(f"{name}: {command}: {error}")


def test_commands_may_go_over_several_lines() -> None:
    assert Block("console", 0, "$ a\n> b\n$ c\n").commands() == ["a\nb", "c"]
