"""The entry point: finds the command, parses its options, and turns a user's mistakes into one line and exit code 2."""

import errno
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import docstring_parser
from jsonargparse import ArgumentError, ArgumentParser, Namespace

import kronface
from kronface.cli import (
    ablate,
    calibrate,
    compare,
    convert,
    data,
    demo,
    export,
    extract,
    identify,
    pretrain,
    report,
    synth,
    train,
)
from kronface.cli.evaluate import arrays, celeba, folder, ijb, lfw, megaface
from kronface.cli.evaluate import bin as bin_packs
from kronface.cli.progress import drawn_progress
from kronface.cli.reproduce import figures, stages, tables
from kronface.errors import ConfigError, KronfaceError

Command = Callable[..., str]
"""A function of plain arguments that returns what to print; `progress`, where it has it, is drawn meanwhile."""

COMMANDS: Mapping[str, Command | Mapping[str, Command]] = MappingProxyType(
    {
        "demo": demo.demo,
        "synth": MappingProxyType({"write": synth.write, "preview": synth.preview, "describe": synth.describe}),
        "data": MappingProxyType({"check": data.check, "pack": data.pack, "layouts": data.layouts}),
        "train": train.train,
        "pretrain": pretrain.pretrain,
        "ablate": ablate.ablate,
        "calibrate": calibrate.calibrate,
        "export": export.export,
        "convert": convert.convert,
        "extract": extract.extract,
        "evaluate": MappingProxyType(
            {
                "folder": folder.folder,
                "arrays": arrays.arrays,
                "megaface": megaface.megaface,
                "celeba": celeba.celeba,
                "lfw": lfw.lfw,
                "bin": bin_packs.pack,
                "ijb": ijb.ijb,
            }
        ),
        "report": report.report,
        "compare": compare.compare,
        "identify": identify.identify,
        "reproduce": MappingProxyType(
            {
                "stages": stages.stages,
                "figure-1": figures.figure_1,
                "figure-2": figures.figure_2,
                "figure-3": figures.figure_3,
                "figure-4": figures.figure_4,
                "table-1": tables.table_1,
                "table-2": tables.table_2,
            }
        ),
    }
)
"""Every command by its words; each is a function of plain arguments."""


WITHOUT_POSITIONS: tuple[Command, ...] = (train.train,)
"""Commands whose required arguments are options too, so that a saved configuration can be repeated with one changed."""


RESUMABLE: tuple[Command, ...] = (
    ablate.ablate,
    demo.demo,
    data.pack,
    extract.extract,
    pretrain.pretrain,
    synth.write,
    train.train,
    stages.stages,
    tables.table_1,
    tables.table_2,
)
"""Commands that keep what they have done when they are interrupted, and go on from there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code: 0 done, 2 a user's mistake, 130 interrupted, 1 a defect."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # it tells of damaged pictures, which we do ourselves
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given)
    except KronfaceError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(_explain(error))
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from here" if _entry(given) in RESUMABLE else ""
        print(f"kronface: interrupted{goes_on}", file=sys.stderr)  # noqa: T201
        return 130


def _run(given: list[str]) -> int:
    if "--version" in given[:1]:
        print(kronface.__version__)  # noqa: T201 - the answer itself
        return 0
    if not given:
        given = ["--help"]
    parser = build_parser()
    for word, following in pairwise([*given, ""]):
        name, equals, value = word.partition("=")
        file = value if equals else following
        if name == "--config" and file:
            check_config(Path(file))
    try:
        parsed = parser.parse_args(config_first(normalise(given, flags(COMMANDS), lists(COMMANDS))))
    except ArgumentError as error:
        return _complain(_tidy(str(error), given))
    function, options = _select(parsed)
    with drawn_progress() as progress:
        if "progress" in inspect.signature(function).parameters:
            options["progress"] = progress
        answer = function(**options)
    print(answer)  # noqa: T201 - the answer itself
    return 0


def check_config(path: Path) -> None:
    """Whether a file of options is one, where the parser's own complaints do not name the file.

    Raises:
        ConfigError: it cannot be read, or is no YAML table.
    """
    import yaml

    if not path.is_file():
        raise ConfigError(f"{path} is not a file: name a YAML file of options, such as a run's config.yaml")
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML ({error}): write one option a line, such as 'epochs: 10'") from error
    if not isinstance(options, dict):
        raise ConfigError(f"{path} holds no options: write one a line, such as 'epochs: 10'")


def build_parser() -> ArgumentParser:
    """The parser of all commands, each with `--config FILE` for a YAML file of its options."""
    parser = _Parser(prog="kronface", description=kronface.__doc__, exit_on_error=False)
    _add(parser, COMMANDS, "command")
    return parser


def build_command_parser(function: Command, *, prog: str | None = None, positional: bool = True) -> ArgumentParser:
    """The parser of one command: `--config FILE`, and an option for each of the function's arguments."""
    parser = _Parser(prog=prog, exit_on_error=False, description=(function.__doc__ or "").split("\n\n")[0])
    parser.add_argument("--config", action="config", help="YAML file of options; those on the line win")
    many = _positional_lists(function) if positional else {}
    for name, (kind, text) in many.items():
        parser.add_argument(name, nargs="+", type=kind, help=text)
    parser.add_function_arguments(function, as_positional=positional, fail_untyped=True, skip={"progress", *many})
    return parser


def _positional_lists(function: Command) -> dict[str, tuple[type, str]]:
    """Required arguments that take several words, which the parser would want as one: their types and help."""
    documented = {
        entry.arg_name: entry.description or "" for entry in docstring_parser.parse(function.__doc__ or "").params
    }
    return {
        name: (parameter.annotation.__args__[0], documented.get(name, ""))
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty and str(parameter.annotation).startswith("list[")
    }


def _add(parser: ArgumentParser, commands: Mapping[str, Command | Mapping[str, Command]], dest: str) -> None:
    subcommands = parser.add_subcommands(dest=dest)
    for name, entry in commands.items():
        if callable(entry):
            child = build_command_parser(entry, positional=entry not in WITHOUT_POSITIONS)
            subcommands.add_subcommand(name, child, help=_summary(entry))
        else:
            child = _Parser(exit_on_error=False)
            subcommands.add_subcommand(name, child, help=_summary(entry))
            _add(child, entry, "subcommand")


def _summary(entry: Command | Mapping[str, Command]) -> str:
    if callable(entry):
        return (entry.__doc__ or "").splitlines()[0]
    return ", ".join(entry)


def _select(parsed: Namespace) -> tuple[Command, dict[str, Any]]:
    entry: Any = COMMANDS[parsed.command]
    options = parsed[parsed.command]
    while not callable(entry):
        entry = entry[options.subcommand]
        options = options[options.subcommand]
    chosen = {name: value for name, value in vars(options).items() if name != "config"}
    return entry, chosen


def flags(commands: Mapping[str, Command | Mapping[str, Command]]) -> frozenset[str]:
    """The names of all options that are true or false: they may stand alone on the command line."""
    found: set[str] = set()
    for entry in commands.values():
        if callable(entry):
            found |= {name for name, annotation in entry.__annotations__.items() if annotation is bool}
        else:
            found |= flags(entry)
    return frozenset(found)


def lists(commands: Mapping[str, Command | Mapping[str, Command]]) -> frozenset[str]:
    """The names of all options that take several values: on the command line, commas stand between them."""
    found: set[str] = set()
    for entry in commands.values():
        if callable(entry):
            hints = entry.__annotations__
            found |= {name for name, annotation in hints.items() if str(annotation).startswith(("list[", "tuple["))}
        else:
            found |= lists(entry)
    return frozenset(found)


def normalise(
    given: Sequence[str], known_flags: frozenset[str], known_lists: frozenset[str] = frozenset()
) -> list[str]:
    """`--gallery-images 2 --aligned` -> `--gallery_images 2 --aligned=true`: what jsonargparse understands.

    `--sizes 10,100` becomes `--sizes=[10,100]`.
    """
    result: list[str] = []
    taken = False
    for position, word in enumerate(given):
        if taken:  # the value of the option before
            taken = False
            continue
        if not re.match(r"--[a-z]", word):
            result.append(word)
            continue
        name, equals, value = word.partition("=")
        name = "--" + name[2:].replace("-", "_")
        following = given[position + 1] if position + 1 < len(given) else ""
        if not equals and name[2:] in known_flags and following not in ("true", "false"):
            equals, value = "=", "true"
        if name[2:] in known_lists:
            taken = not equals and bool(following) and not following.startswith("--")
            value = following if taken else value
            equals = "=" if taken else equals
            value = value if value.startswith("[") or not value else f"[{value}]"
        result.append(name + equals + value)
    return result


def config_first(given: Sequence[str]) -> list[str]:
    """`--config FILE` before the other options of the command: what is read later wins, and that shall be the line."""
    words = _command_words(given)
    files: list[str] = []
    others: list[str] = []
    for word in given[len(words) :]:
        if others[-1:] == ["--config"]:
            files += [others.pop(), word]
        elif word.startswith("--config="):
            files.append(word)
        else:
            others.append(word)
    return [*words, *files, *others]


class _Parser(ArgumentParser):
    """Shows options with dashes in its help, as they are typed."""

    def format_help(self, *args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - whatever jsonargparse passes
        text: str = super().format_help(*args, **kwargs)
        return re.sub(r"--[a-z_]+", lambda match: "--" + match[0][2:].replace("_", "-"), text)


def _complain(message: str) -> int:
    print(f"kronface: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 - the one line that a user gets
    return 2


def _explain(error: OSError) -> str:
    where = error.filename or error.filename2 or "the output"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}: the disk is full: free some space and run the same command again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{where}: permission denied: choose a place that you may read and write"
    if error.errno == errno.ENOENT:
        return f"{where} does not exist: check the path"
    if error.errno is None:
        raise error
    return f"{where}: {os.strerror(error.errno)}"


def _tidy(message: str, given: Sequence[str]) -> str:
    words, entry = _command_words(given), _entry(given)
    dashed = re.sub(r"--[a-z_]+", lambda match: "--" + match[0][2:].replace("_", "-"), message)
    wrong = re.match(r'Parser key "(?:\w+\.)*(\w+)":.*(?:Got|Given) value: (.*)', message, re.DOTALL)
    missing = re.match(r"the following arguments are required: (.*)", message)
    unnamed = re.match(r'expected "[\w.]+" to be one of \{(.*)\}', message)
    unknown = re.match(r"argument \w+: invalid choice: (.*) \(choose from (.*)\)", message)
    if wrong and callable(entry) and wrong[1] in inspect.signature(entry).parameters:
        wanted = _in_words(inspect.signature(entry).parameters[wrong[1]].annotation)
        typed = re.sub(r"[\[\]']", "", wrong[2]) if "list" in wanted else wrong[2]
        dashed = f"{_option(entry, wrong[1])} is {typed}: it must be {wanted}"
    elif missing and callable(entry):
        names = (name.split(".")[-1] for name in missing[1].split(", "))
        dashed = f"missing: {', '.join(_option(entry, name) for name in names)}"
    elif unnamed:
        dashed = f"say what to {' '.join(words)}: {', '.join(unnamed[1].split(','))}"
    elif unknown:
        dashed = f"{unknown[1]} is no command: choose from {unknown[2]}".replace("'", "")
    return f"{dashed} (kronface {' '.join([*words, ''])}--help shows the options)"


def _option(function: Command, name: str) -> str:
    """An argument as it is typed."""
    parameter = inspect.signature(function).parameters[name]
    needed = parameter.default is parameter.empty and parameter.kind is not parameter.KEYWORD_ONLY
    return name if needed and function not in WITHOUT_POSITIONS else "--" + name.replace("_", "-")


def _in_words(annotation: Any) -> str:  # noqa: ANN401 - any type
    """What an option takes, for somebody who does not know Python."""
    inner = get_args(annotation)
    if get_origin(annotation) is Literal:
        return " or ".join(filter(None, [", ".join(map(str, inner[:-1])), str(inner[-1])]))
    if get_origin(annotation) in (Union, UnionType):
        return _in_words(next(part for part in inner if part is not type(None)))
    if get_origin(annotation) is list:
        return "a list of numbers, such as 1,2" if inner[0] in (int, float) else "a list, such as a,b"
    return {int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}.get(annotation, "a text")


def _entry(given: Sequence[str]) -> Any:  # noqa: ANN401 - a command, or a table of commands
    entry: Any = COMMANDS
    for word in _command_words(given):
        entry = entry[word]
    return entry


def _command_words(given: Sequence[str]) -> list[str]:
    """The first words, as far as they name a command: `evaluate folder`, without what follows."""
    words: list[str] = []
    entry: Any = COMMANDS
    for word in given:
        if callable(entry) or word not in entry:
            break
        words.append(word)
        entry = entry[word]
    return words


if __name__ == "__main__":
    sys.exit(main())
