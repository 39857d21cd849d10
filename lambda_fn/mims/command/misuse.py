"""Calls that end with the exit code 2; everything else that is wrong ends with 1."""

from __future__ import annotations

from mims.errors import InvalidRequestError, InvalidSettingsError, PayloadError


class MisuseError(Exception):
    """An argument or a setting's name is unknown or incomplete; `error` is what is told of it."""

    def __init__(self, error: PayloadError) -> None:
        super().__init__(str(error))
        self.error = error


def wrong_argument(message: str) -> MisuseError:
    return MisuseError(InvalidRequestError(f"{message} All arguments: mims-payload --help."))


def unknown_setting(message: str) -> MisuseError:
    return MisuseError(InvalidSettingsError(f"{message} All settings: mims-payload --help."))
