"""A place where settings are given → a layer of them, attribute → value.

The places are the environment, or anything else that gives settings by their variables' names; a
request's `settings`; and the hyperparameters' `payload_settings`. `mims.settings` merges the
layers.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from mims.deadline import Check, no_deadline
from mims.errors import InvalidHyperparametersError, InvalidSettingsError, shown
from mims.limits import Limits
from mims.setting_table import (
    SETTINGS,
    SPECIAL_FIELD,
    MisfitError,
    Setting,
    nearest_setting,
    perhaps,
)

PAYLOAD_SETTINGS = "payload_settings"


class FieldValues(NamedTuple):
    """Values of fields, by name or by the name of a variable, and where they were given."""

    values: Mapping[str, Any]
    origin: str
    by_variable: bool = False


def read_request(request: Any, check: Check) -> Dict[str, Any]:
    """Return what a request's `settings` say.

    Raises
    ------
    InvalidSettingsError
        A key is unknown or a value invalid; the message names both.
    """
    if request is None:
        return {}
    if not isinstance(request, dict):
        raise InvalidSettingsError(f"settings is '{shown(request)}'; it must be an object.")
    read: Dict[str, Any] = {}
    for key, value in request.items():
        setting = _by_key(key)
        if setting is None:
            raise InvalidSettingsError(
                f"settings has the unknown key '{shown(key)}'{_meant(key)}. "
                f"Known keys: {', '.join(_request_keys())}."
            )
        if value is not None:
            read[key] = _read(setting, value, key, check)
    return read


def read_variables(variables: Mapping[str, str], check: Check) -> Dict[str, Any]:
    """Return what variables say, except for the limits and the values of single fields."""
    return {
        setting.attribute: _read(setting, variables[setting.variable], setting.variable, check)
        for setting in SETTINGS
        if setting.variable and not setting.limit and variables.get(setting.variable)
    }


def read_payload_settings(value: Any, check: Check = no_deadline) -> Mapping[str, Any]:
    """Return the `payload_settings` of the hyperparameters: request key → value.

    Raises
    ------
    InvalidHyperparametersError
        A key or value is invalid; the message names the key, never the value.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidHyperparametersError(
            "The hyperparameter payload_settings must be an object with the keys of a request's "
            "settings."
        )
    read: Dict[str, Any] = {}
    for key, given in value.items():
        name = f"{PAYLOAD_SETTINGS}.{shown(key)}"
        setting = _by_key(key)
        if setting is None:
            raise InvalidHyperparametersError(
                f"The hyperparameter {name} is not a setting{_meant(key)}. "
                f"Settings: {', '.join(_request_keys())}."
            )
        if given is None:
            continue
        where, wanted = "", setting.wanted
        try:
            read[key] = setting.read(given, name, check)
            continue
        except MisfitError as misfit:
            where, wanted = misfit.where, misfit.wanted or wanted
        except InvalidSettingsError:  # its message names the value
            pass
        raise InvalidHyperparametersError(
            f"The hyperparameter {name}{where} is invalid; it must be {wanted}. Have the training "
            "job write it so."
        )
    return read


def read_limits(variables: Mapping[str, str]) -> Limits:
    """Return the limits that variables set, and the defaults of the others."""
    given = {
        setting.limit: _read(setting, variables[setting.variable], setting.variable)
        for setting in SETTINGS
        if setting.limit and variables.get(setting.variable)
    }
    return Limits(**given)


def special_fields(variables: Mapping[str, str]) -> FieldValues:
    """Return the values of fields that variables give."""
    values = {
        name[len(SPECIAL_FIELD) :]: value
        for name, value in variables.items()
        if name.startswith(SPECIAL_FIELD) and name != SPECIAL_FIELD
    }
    return FieldValues(values, "SPECIAL_FIELD_*", by_variable=True)


def _read(setting: Setting, value: Any, name: str, check: Check = no_deadline) -> Any:
    try:
        return setting.read(value, name, check)
    except MisfitError as misfit:
        raise InvalidSettingsError(
            f"{name}{misfit.where} is '{shown(misfit.value)}'; it must be "
            f"{misfit.wanted or setting.wanted}."
        ) from None


def _by_key(key: Any) -> Optional[Setting]:
    for setting in SETTINGS:
        if setting.key and setting.key == key:
            return setting
    return None


def _request_keys() -> List[str]:
    return [setting.key for setting in SETTINGS if setting.key]


def _meant(key: Any) -> str:
    return perhaps(nearest_setting(str(key), _request_keys()))
