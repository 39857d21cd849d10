"""Arguments, a file of settings and the environment → the settings that are given."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Dict, List, Mapping

from mims.command.arguments import Options
from mims.command.misuse import unknown_setting
from mims.errors import InvalidSettingsError, reason_of, shown
from mims.limits import MIB
from mims.setting_table import SETTINGS, SPECIAL_FIELD, nearest_setting, perhaps, setting_names
from mims.settings import GivenSettings, read_settings


def read_given(options: Options, environment: Mapping[str, str]) -> GivenSettings:
    """Return the settings: flags win over `--set`, that over `--settings`, all over the rest.

    Raises
    ------
    MisuseError
        `--set` or the file names an unknown setting.
    InvalidSettingsError
        A value is invalid, or the file cannot be read.
    """
    for name in options.set_variables:
        _check_variable(name)
    request = _read_file(options.settings_file) if options.settings_file else {}
    for key in request:
        _check_key(key)
    return read_settings(environment, request, {**options.set_variables, **options.flag_variables})


def _check_variable(name: str) -> None:
    if name in setting_names() or (name.startswith(SPECIAL_FIELD) and name != SPECIAL_FIELD):
        return
    if name.upper().startswith(SPECIAL_FIELD[:-1]):
        nearest = f"{SPECIAL_FIELD}<name>"
    else:
        by_key = {setting.key: setting.variable for setting in SETTINGS if setting.key}
        nearest = by_key.get(name, "") or nearest_setting(name, setting_names())
    raise unknown_setting(f"--set names the unknown setting '{shown(name)}'{perhaps(nearest)}.")


def _check_key(key: str) -> None:
    keys: List[str] = [setting.key for setting in SETTINGS if setting.key]
    if key in keys:
        return
    by_variable = {setting.variable: setting.key for setting in SETTINGS}
    nearest = by_variable.get(key, "") or nearest_setting(key, keys)
    raise unknown_setting(
        f"The file of --settings has the unknown key '{shown(key)}'{perhaps(nearest)}."
    )


def _read_file(path: str) -> Dict[str, Any]:
    try:
        with open(path, "rb") as file:
            content = file.read(MIB + 1)
    except (OSError, ValueError) as error:
        raise InvalidSettingsError(
            f"The file of --settings, '{shown(path)}', cannot be read ({reason_of(error)})."
        ) from None
    request: Any = None
    if len(content) <= MIB:
        with contextlib.suppress(ValueError, RecursionError):
            request = json.loads(content.decode("utf-8-sig"))
    if not isinstance(request, dict):
        raise InvalidSettingsError(
            f"The file of --settings, '{shown(path)}', must be a JSON object of at most {MIB:,} "
            'bytes with a request\'s settings, such as {"content_types": "text/csv"}.'
        )
    return request
