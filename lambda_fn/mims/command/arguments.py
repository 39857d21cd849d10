"""The command's arguments → `Options`; what contradicts itself or is unknown is refused here."""

from __future__ import annotations

import argparse
import difflib
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, NoReturn, Optional, Sequence, Tuple, Type

from mims.command.misuse import wrong_argument
from mims.errors import shown
from mims.setting_table import nearest_setting, setting_names


@dataclass(frozen=True)
class Options:
    """What is to be done.

    Attributes
    ----------
    model, output
        Empty where they were not given.
    variables
        Settings by their names in the environment, those of `--set` under those of the flags.
    settings_file
        The path of a JSON object with a request's settings.
    check, send
        The payload archive to check; target and payload archive to send.
    """

    model: str = ""
    output: str = ""
    set_variables: Mapping[str, str] = field(default_factory=dict)
    flag_variables: Mapping[str, str] = field(default_factory=dict)
    settings_file: str = ""
    show: bool = False
    json: bool = False
    check: str = ""
    send: Tuple[str, ...] = ()
    help: bool = False
    version: bool = False


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Return what the arguments say.

    Raises
    ------
    MisuseError
        One is unknown, incomplete, or contradicts another; the message names the nearest known one.
    """
    parser = make_parser()
    for argument in arguments:
        name = argument.split("=")[0]
        if name.startswith("-o") and f"-{name}" in _options(parser):  # -output is not -o utput
            raise _unknown(argument, parser)
    parsed, unknown = parser.parse_known_args(arguments)
    if parsed.help or parsed.version:
        return Options(help=parsed.help, version=parsed.version)
    if unknown:
        raise _unknown(next((one for one in unknown if one.startswith("-")), unknown[0]), parser)
    if parsed.model is not None and parsed.path is not None:
        raise wrong_argument(
            f"The model is given twice, as '{shown(parsed.model)}' and by --model. Give it once."
        )
    _refuse_contradictions(parsed)
    return Options(
        model=parsed.model or parsed.path or "",
        output=parsed.output or ("." if parsed.model is not None else ""),
        set_variables=dict(parsed.set),
        flag_variables=_flag_variables(parsed),
        settings_file=parsed.settings or "",
        show=parsed.show,
        json=parsed.json,
        check=parsed.check or "",
        send=tuple(parsed.send or ()),
    )


def make_parser(
    formatter: Type[argparse.HelpFormatter] = argparse.HelpFormatter, epilog: str = ""
) -> argparse.ArgumentParser:
    """Return the parser, which exits nowhere: `--help` and `--version` are mere options to it."""
    parser = _Parser(
        prog="mims-payload",
        usage="mims-payload [MODEL] [-o DIR] [--set NAME=VALUE]... [options]\n"
        "       mims-payload --check PAYLOAD [--json]\n"
        "       mims-payload --send TARGET PAYLOAD [--json]",
        description="Make the sample payloads of a trained model, check them, or send them.",
        epilog=epilog,
        formatter_class=formatter,
        allow_abbrev=False,
        add_help=False,
    )
    making = parser.add_argument_group("making a payload")
    making.add_argument(
        "model",
        nargs="?",
        type=_filled,
        metavar="MODEL",
        help="a model.tar.gz, a folder with one or with the model's files, a hyperparameters.json, "
        "- (standard input), or s3://bucket/key (needs boto3)",
    )
    making.add_argument(
        "-o",
        "--output",
        type=_filled,
        metavar="DIR",
        help="the folder for payload.tar.gz (default: the current one; without MODEL the "
        "Processing job's)",
    )
    making.add_argument(
        "--model",
        dest="path",
        type=_filled,
        metavar="PATH",
        help="MODEL, in the Processing job's way (default: the job's input)",
    )
    making.add_argument(
        "--content-type",
        action="append",
        default=[],
        type=_filled,
        metavar="TYPE",
        help="a content type, instead of CONTENT_TYPES; repeatable",
    )
    making.add_argument("--recipe", type=_filled, metavar="NAME", help="the setting RECIPE")
    making.add_argument("--fields", type=_filled, metavar="FIELDS", help="the setting FIELDS")
    making.add_argument(
        "--set",
        action="append",
        default=[],
        type=_assignment,
        metavar="NAME=VALUE",
        help="any setting (see below); repeatable",
    )
    making.add_argument(
        "--settings",
        type=_filled,
        metavar="FILE",
        help="a JSON object with settings as a request to the function has them",
    )
    making.add_argument(
        "--show",
        action="store_true",
        help="write the first body, byte for byte, on standard output, and no archive",
    )
    using = parser.add_argument_group("using a payload")
    using.add_argument(
        "--check", type=_filled, metavar="PAYLOAD", help="verify a payload.tar.gz and describe it"
    )
    using.add_argument(
        "--send",
        nargs=2,
        type=_filled,
        metavar=("TARGET", "PAYLOAD"),
        help="send each payload file to http(s)://... or to endpoint:NAME (needs boto3)",
    )
    other = parser.add_argument_group("other options")
    other.add_argument("--json", action="store_true", help="print what is told as JSON")
    other.add_argument("--version", action="store_true", help="print the version")
    other.add_argument("-h", "--help", action="store_true", help="print this help")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise wrong_argument(f"{message[:1].upper()}{message[1:]}.")


def _filled(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError("its value is empty")
    return value


def _assignment(argument: str) -> Tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"'{shown(argument)}' is not NAME=VALUE")
    return name, value


def _flag_variables(parsed: argparse.Namespace) -> Dict[str, str]:
    given = {
        "CONTENT_TYPES": ",".join(parsed.content_type),
        "RECIPE": parsed.recipe,
        "FIELDS": parsed.fields,
    }
    return {variable: value for variable, value in given.items() if value}


def _refuse_contradictions(parsed: argparse.Namespace) -> None:
    chosen = [name for name in ("check", "send", "show") if getattr(parsed, name)]
    if len(chosen) > 1:
        raise wrong_argument(f"--{chosen[0]} and --{chosen[1]} exclude each other.")
    if parsed.show and parsed.json:
        raise wrong_argument("--show and --json exclude each other.")
    if not chosen or parsed.show:
        return
    names = {"path": "--model", "content_type": "--content-type", "model": "MODEL"}
    for name in ("model", "path", "output", "set", "content_type", "recipe", "fields", "settings"):
        if getattr(parsed, name):
            raise wrong_argument(
                f"{names.get(name, f'--{name}')} has no meaning with --{chosen[0]}: no payload is "
                "made then."
            )


def _unknown(argument: str, parser: argparse.ArgumentParser) -> Exception:
    name = argument.split("=")[0]
    if not name.startswith("-"):
        hint = " A setting is given by --set NAME=VALUE." if "=" in argument else ""
        return wrong_argument(f"'{shown(argument)}' is one argument too many.{hint}")
    word = name.strip("-").lower().replace("_", "-")
    nearest = _nearest_option(word, _options(parser))
    setting = nearest_setting(word.replace("-", "_"), setting_names())
    if nearest:
        meant = f"; perhaps {nearest} is meant"
    elif setting:
        meant = f"; perhaps --set {setting}=... is meant"
    else:
        meant = ""
    return wrong_argument(f"The argument '{shown(name)}' is unknown{meant}.")


def _nearest_option(word: str, options: List[str]) -> Optional[str]:
    named = {option.strip("-"): option for option in options if option.startswith("--")}
    matches = difflib.get_close_matches(word[:100], list(named), n=1, cutoff=0.6)
    return named[matches[0]] if matches else None


def _options(parser: argparse.ArgumentParser) -> List[str]:
    return [string for action in parser._actions for string in action.option_strings]
