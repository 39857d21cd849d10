"""The SageMaker Processing job script and command that makes sample payloads for a model.

    python mims_payload.py                          # a Processing job, with the contract's paths
    python mims_payload.py MODEL -o DIR             # a person; installed: mims-payload MODEL
    python mims_payload.py --check PAYLOAD
    python mims_payload.py --send TARGET PAYLOAD
    python mims_payload.py --help

It needs Python 3.8 or newer, the folder `mims` beside it, and nothing else. Settings are read from
the environment, as the job's `Environment` sets it; a person's arguments win over it. The payload
is written whole or not at all: exclusively under another name, following no link, then renamed.

What this module imports at its top is little, so that a signal is answered from the start.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Mapping, NoReturn, Optional, Sequence, Union

_HERE = os.path.dirname(os.path.abspath(__file__))
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

# The contract's paths, which SageMaker Processing mounts.
MODEL_INPUT = "/opt/ml/processing/input/model"
PAYLOAD_OUTPUT = "/opt/ml/processing/output"
# What stands in this file becomes the job's ExitMessage:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeProcessingJob.html
FAILURE_MESSAGE = "/opt/ml/output/message"


def main(
    input_paths: Mapping[str, Union[str, os.PathLike[str]]],
    output_paths: Mapping[str, Union[str, os.PathLike[str]]],
    environ_vars: Mapping[str, str],
    job_args: Optional[Any] = None,
) -> str:
    """Make the payload archive of a model, and return its path.

    Parameters
    ----------
    input_paths
        `model_input`: a `model.tar.gz`, a folder that holds one, a `hyperparameters.json` or a
        model's files, or whatever else the command takes as its model.
    output_paths
        `payload_sample`: the folder that `payload.tar.gz` is written to; made where missing.
    environ_vars
        The settings; the process's own environment is not looked at.
    job_args
        Nothing is read from it; it stands here for callers that pass one to every script.

    Raises
    ------
    PayloadError
        One of its classes. Nothing is left in the output folder then.
    """
    from mims.command.console import warn
    from mims.command.making import make_payload, say_figures
    from mims.errors import InvalidRequestError
    from mims.settings import read_settings

    del job_args
    for paths, name in ((input_paths, "model_input"), (output_paths, "payload_sample")):
        if not paths.get(name):
            raise InvalidRequestError(f"The path of {name} is missing. Give it by that name.")
    given = read_settings(environ_vars)
    model, output = input_paths["model_input"], output_paths["payload_sample"]
    made = make_payload(os.fspath(model), os.fspath(output), given)
    warn(made.warnings, sys.stdout)
    say_figures(made)
    return made.path


def command(arguments: Sequence[str]) -> int:
    """Do what the arguments say, with the process's environment, and return the exit code."""
    from mims.command.calls import JobPaths, call

    return call(arguments, JobPaths(MODEL_INPUT, PAYLOAD_OUTPUT, FAILURE_MESSAGE), os.environ)


def script() -> int:
    """Run this process's own arguments: what `mims-payload` calls."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop)
    from mims.command.stopping import stop_cleanly

    stop_cleanly()
    return command(sys.argv[1:])


def _stop(number: int, _frame: Any) -> NoReturn:
    """End before anything has begun."""
    os.write(2, b"Stopped.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(script())
