"""Runs the commands of docs/tutorials/ and keeps what they print, for the site: run by `make docs`.

A tutorial is Markdown. Two kinds of fenced blocks are run, from first to last, in a folder of the tutorial's own, which
holds nothing but recipes/ at first:

- `console`: lines that begin with `$ ` are commands for bash, `> ` continues one;
- `python`: a script.

`console exit=2` says that the block's last command is refused, and shows the line that a user then gets. Comments
`<!-- show FILE: text -->` and `<!-- open FILE: text -->` become a picture that the commands have made, and a link to a
page that they have made. Whatever else ends with an error ends the build.

What was printed is kept in build/tutorials/ under a hash of the blocks, the package and the lock: as long as they are
the same, nothing is run again.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
TUTORIALS = DOCS / "tutorials"
BUILD = ROOT / "build" / "tutorials"
OUTPUTS = "outputs.json"

BLOCK = re.compile(r"^```(console|python)(?: exit=(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MADE = re.compile(r"^<!-- (show|open) (\S+): (.+?) -->$", re.MULTILINE)
TIMES = re.compile(r"\b\d+(\.\d+)?(?= s\b)|(?<=per second )\d+(\.\d+)?")
LONGEST = 900.0
"""Seconds that one command may take."""


class TutorialError(Exception):
    """What is wrong with a tutorial."""


@dataclass(frozen=True)
class Block:
    """A fenced block that is run."""

    language: str
    """console or python."""
    exit: int
    """Code that its last command ends with."""
    text: str
    """Between the fences."""

    def commands(self) -> list[str]:
        """What is run: each command of a console, or the script.

        Raises:
            TutorialError: a line of a console is no command.
        """
        if self.language == "python":
            return [self.text]
        found: list[str] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif line.startswith("> ") and found:
                found[-1] += "\n" + line[2:]
            else:
                raise TutorialError(f"a line of a console block begins neither with '$ ' nor with '> ': {line}")
        return found


def blocks(text: str) -> list[Block]:
    """All blocks of a tutorial that are run, in order."""
    return [Block(match[1], int(match[2] or 0), match[3]) for match in BLOCK.finditer(text)]


def key(text: str) -> str:
    """A hash of all that the outputs of a tutorial follow from: its blocks, the package, and this file."""
    files = [*sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "recipes").rglob("*.yaml"))]
    files += [ROOT / "requirements.lock", Path(__file__)]
    total = hashlib.sha256(repr((blocks(text), MADE.findall(text))).encode())
    for path in files:
        total.update(f"\n{path.relative_to(ROOT)}\n".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def run(tutorial: Path, out: Path) -> None:
    """Runs one tutorial, unless it has been run, and leaves its outputs and what the site shows of its files in `out`.

    Raises:
        TutorialError: a command fails, or prints where it ran.
    """
    text = tutorial.read_text(encoding="utf-8")
    wanted = key(text)
    kept = out / OUTPUTS
    if kept.is_file() and json.loads(kept.read_text(encoding="utf-8"))["key"] == wanted:
        print(f"{tutorial.name}: nothing has changed")
        return
    shutil.rmtree(out, ignore_errors=True)
    work = out / "work"
    shutil.copytree(ROOT / "recipes", work / "recipes")
    outputs = [_run_block(block, work, tutorial.name) for block in blocks(text)]
    for _, file, _ in MADE.findall(text):
        if not (work / file).is_file():
            raise TutorialError(f"{tutorial.name}: no command has made {file}")
        shutil.copy(work / file, out / Path(file).name)
    shutil.rmtree(work)
    kept.write_text(json.dumps({"key": wanted, "outputs": outputs}, indent=1), encoding="utf-8")


def _run_block(block: Block, work: Path, name: str) -> list[str]:
    """What each command of a block printed."""
    printed: list[str] = []
    commands = block.commands()
    for position, command in enumerate(commands, 1):
        wanted = block.exit if position == len(commands) else 0
        words = [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
        start = time.monotonic()
        ended = subprocess.run(  # noqa: S603 - the repository's own commands
            [*words, command],
            cwd=work,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        if ended.returncode != wanted:
            raise TutorialError(
                f"{name}: ended with {ended.returncode} instead of {wanted}:\n{command}\n{ended.stdout}{ended.stderr}"
            )
        print(f"{name}: {time.monotonic() - start:4.0f} s  {command.strip().splitlines()[0][:90]}", flush=True)
        refusal = [line for line in ended.stderr.splitlines() if line.startswith("kronface: ")] if wanted else []
        printed.append(tidy(ended.stdout + "\n".join(refusal), work))
    return printed


def _environment() -> dict[str, str]:
    """Our own, with this Python's commands first, and lines as long as a page shows them."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return os.environ | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}


def tidy(printed: str, work: Path) -> str:
    """Output without what is this machine's alone: times, and the folder that it ran in.

    Raises:
        TutorialError: other paths of this machine are in it.
    """
    text = TIMES.sub("…", printed.replace(f"{work}/", "").replace(str(work), "."))
    lines = [line.rstrip() for line in text.splitlines()]
    for place in (ROOT, Path(sys.prefix), Path.home(), Path(tempfile.gettempdir())):
        if place != Path(place.anchor) and (leak := next((line for line in lines if f"{place}" in line), None)):
            raise TutorialError(f"the output names a place of this machine, {place}: {leak}")
    return "\n".join(lines).strip("\n")


def rendered(text: str, outputs: Sequence[Sequence[str]], files: str) -> str:
    """A tutorial as the site shows it: with what its commands printed.

    Args:
        text: the tutorial.
        outputs: of each block that is run, what each of its commands printed.
        files: path from the page to the files that were kept, for links.
    """
    remaining = iter(outputs)

    def shown(match: re.Match[str]) -> str:
        block, printed = Block(match[1], int(match[2] or 0), match[3]), next(remaining)
        if block.language == "python":
            return f"```python\n{block.text}```\n" + (f"\n```text\n{printed[0]}\n```" if printed[0] else "")
        lines = ["```console"]
        for command, output in zip(block.commands(), printed, strict=True):
            lines += ["$ " + command.replace("\n", "\n> "), *([output] if output else [])]
        return "\n".join([*lines, "```"])

    def linked(match: re.Match[str]) -> str:
        return f"{'!' if match[1] == 'show' else ''}[{match[3]}]({files}/{Path(match[2]).name})"

    return MADE.sub(linked, BLOCK.sub(shown, text))


def unrun(text: str) -> str:
    """A tutorial as it would be shown if its commands printed nothing and made nothing."""
    return rendered(MADE.sub("", text), [[""] * len(block.commands()) for block in blocks(text)], "")


def tutorials() -> list[Path]:
    """All tutorials, by name."""
    return sorted(TUTORIALS.glob("*.md"))


if __name__ == "__main__":
    try:
        for path in tutorials():
            run(path, BUILD / path.stem)
    except TutorialError as error:
        sys.exit(str(error))
