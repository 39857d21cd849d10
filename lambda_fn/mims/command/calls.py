"""One call of the command: arguments → an exit code; here alone errors become lines."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Mapping, NamedTuple, Sequence

from mims.command import console
from mims.command.arguments import Options, parse_arguments
from mims.command.checking import check, check_as_json
from mims.command.given import read_given
from mims.command.help_text import help_text
from mims.command.making import make_payload, say_figures, say_report, show_body
from mims.command.misuse import MisuseError
from mims.command.progress import Reading
from mims.command.sending import send
from mims.errors import PayloadError, internal_error
from mims.version import GENERATOR, VERSION

OK, FAILED, MISUSED = 0, 1, 2
_MESSAGE_CHARACTERS = 1024


class JobPaths(NamedTuple):
    """Where a job has its model, its output, and the message that SageMaker shows of a failure."""

    model: str
    output: str
    message: str


def call(arguments: Sequence[str], job: JobPaths, environment: Mapping[str, str]) -> int:
    """Do what the arguments say, and return the exit code.

    0; 2 where an argument or a setting's name is unknown or incomplete; 1 where anything else is
    wrong. An error is one line on standard error and in the job's message.
    """
    console.prepare_streams()
    try:
        return _perform(parse_arguments(arguments), job, environment)
    except MisuseError as misuse:
        return _fail(misuse.error, MISUSED, _tells_figures(arguments), job)
    except PayloadError as error:
        return _fail(error, FAILED, _tells_figures(arguments), job)
    except BrokenPipeError:  # the reader of the output has closed it
        console.discard_output()
        return FAILED
    except Exception as error:  # noqa: BLE001 - a defect
        defect = internal_error(error)
    return _fail(defect, FAILED, _tells_figures(arguments), job)


def _perform(options: Options, job: JobPaths, environment: Mapping[str, str]) -> int:
    page = console.page_of(sys.stdout)
    if options.help:
        console.say(help_text(page))
    elif options.version:
        console.say(f"{GENERATOR} {VERSION}")
    elif options.check:
        check_as_json(options.check) if options.json else check(options.check, page)
    elif options.send:
        target, payload = options.send
        return OK if send(target, payload, page, options.json) else FAILED
    elif options.show:
        show_body(options.model or job.model, read_given(options, environment))
    else:
        _make(options, job, environment)
    return OK


def _make(options: Options, job: JobPaths, environment: Mapping[str, str]) -> None:
    given = read_given(options, environment)
    reading = Reading(sys.stderr if options.json else sys.stdout)
    made = make_payload(options.model or job.model, options.output or job.output, given, reading)
    if options.json:
        say_figures(made)
    elif sys.stdout.isatty():
        say_report(made, console.page_of(sys.stdout))
    else:
        console.warn(made.warnings, sys.stdout)
        say_figures(made)


def _fail(error: PayloadError, code: int, tells_figures: bool, job: JobPaths) -> int:
    name = type(error).__name__
    line = f"{name}: {error}"
    with contextlib.suppress(BrokenPipeError, PayloadError):
        if tells_figures:
            console.say(json.dumps({"status": "failed", "error": name, "PayloadsFailed": 1}))
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)
    if os.path.isdir(os.path.dirname(job.message)):
        with contextlib.suppress(OSError), open(job.message, "w", encoding="utf-8") as file:
            file.write(line[:_MESSAGE_CHARACTERS])
    return code


def _tells_figures(arguments: Sequence[str]) -> bool:
    """Say whether a failure's figures are printed: if those of a success would be."""
    names = {argument.split("=")[0] for argument in arguments}
    if names & {"--show", "--check", "--send"}:
        return False
    return "--json" in names or not sys.stdout.isatty()
