"""Layers of settings → the settings of one model.

A request's settings win over the hyperparameters' `payload_settings`, which win over the
environment, which wins over the defaults; a recipe ranks with the layer that names it. Everything
that can be checked without the model is checked by `read_settings`, before anything is read.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import partial
from typing import AbstractSet, Any, Dict, List, Mapping, Optional, Tuple, Union

from mims.deadline import Check, no_deadline
from mims.errors import InvalidHyperparametersError, InvalidSettingsError
from mims.fields import NamedFields
from mims.formats.format import Format
from mims.formats.registry import parse_content_types
from mims.formats.template import (
    CONTENT_TEMPLATE,
    RECORD_TEMPLATE,
    Templates,
    parse_content_template,
    parse_record_template,
    takes_one_sample,
)
from mims.limits import Limits
from mims.misspelt_variables import misspelt_variables
from mims.recipes import AUTO, NONE, Recipe, recipe_of
from mims.setting_layers import (
    PAYLOAD_SETTINGS,
    FieldValues,
    read_limits,
    read_request,
    read_variables,
    special_fields,
)
from mims.setting_table import CONTRACT, FLAT, default_of


@dataclass(frozen=True)
class Settings:
    """How the payload of one model is made: all layers, merged.

    Attributes
    ----------
    default_categorical_value
        `None` if nobody gave one: then it is the first category, or else the default of text.
    default_datetime_value
        `None`: the modification time of the file that named the fields.
    field_values
        If two give a value for a field, the later wins.
    field_defaults
        Field name → value or list of values.
    recipe
        The one that took effect, if any.
    """

    content_types: Tuple[Format, ...] = default_of("content_types")
    default_numeric_value: Union[int, float] = default_of("default_numeric_value")
    default_text_value: Union[str, int] = default_of("default_text_value")
    default_categorical_value: Any = None
    default_datetime_value: Any = None
    field_values: Tuple[FieldValues, ...] = ()
    field_defaults: Mapping[str, Any] = field(default_factory=dict)
    layout: str = default_of("layout")
    sample_count: int = default_of("sample_count")
    realistic_values: bool = default_of("realistic_values")
    content_template: str = ""
    record_template: str = ""
    recipe: Optional[Recipe] = None
    warnings: Tuple[str, ...] = ()

    @property
    def numbers_alone(self) -> bool:
        return self.recipe is not None and self.recipe.numbers_alone


@dataclass(frozen=True)
class GivenSettings:
    """What a request and the environment say, before the model has been looked at.

    Attributes
    ----------
    request, environment
        Request key → value, for the settings that were given.
    request_values, environment_values
        Values of fields.
    warnings
        About misspelt variables; they go into result and log, never into `metadata.json`.
    """

    request: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    request_values: Tuple[FieldValues, ...] = ()
    environment_values: Tuple[FieldValues, ...] = ()
    limits: Limits = field(default_factory=Limits)
    warnings: Tuple[str, ...] = ()

    def sha256(self, *made_with: str) -> str:
        """Return a digest of all that a payload depends on, apart from its model.

        `made_with` are the generator's version and whatever else the caller knows of.
        """
        shaping = [
            made_with,
            self.request,
            self.environment,
            self.request_values,
            self.environment_values,
        ]
        canonical = json.dumps(shaping, sort_keys=True, default=str)
        return hashlib.sha256(canonical.encode("utf-8")).hexdigest()

    def fields(self, payload_settings: Mapping[str, Any]) -> Optional[NamedFields]:
        """Return the fields that a setting names; `None` if none does."""
        named: Optional[NamedFields] = self._highest("fields", payload_settings)
        return named

    def fields_origin(self, payload_settings: Mapping[str, Any]) -> str:
        """Return the name of the setting that names the fields; empty if none does."""
        if "fields" in self.request:
            return "fields (FIELDS)"
        if "fields" in payload_settings:
            return f"{PAYLOAD_SETTINGS}.fields"
        return "FIELDS" if "fields" in self.environment else ""

    def recipe_name(self, payload_settings: Mapping[str, Any]) -> str:
        """Return the name of the recipe that counts."""
        name: str = self._highest("recipe", payload_settings) or NONE
        return name

    def _highest(self, key: str, payload_settings: Mapping[str, Any]) -> Any:
        """Return the value that wins over the others; `None` where nobody gave one."""
        for layer in (self.request, payload_settings, self.environment):
            if key in layer:
                return layer[key]
        return None

    def resolve(
        self,
        payload_settings: Optional[Mapping[str, Any]],
        family: Optional[str] = None,
        form: str = "",
        field_count: int = 0,
    ) -> Settings:
        """Return the settings for a model.

        Parameters
        ----------
        payload_settings
            The settings in its hyperparameters, as `read_payload_settings` returns them; `None`
            before they are known, when they may still give a template that is missing.
        family
            The family that its archive shows, for `RECIPE=auto`.
        form, field_count
            The form and number of its inputs, on which the body of a recipe may depend.

        Raises
        ------
        InvalidSettingsError
            Two settings contradict each other.
        """
        warnings: List[str] = []
        is_known = payload_settings is not None
        payload_settings = payload_settings or {}
        name = self.recipe_name(payload_settings)
        recipe = recipe_of(family if name == AUTO else name)
        if name == AUTO and recipe is None:
            warnings.append(
                "RECIPE is auto, but the model shows no family with a recipe"
                + (f" (it is of {family})" if family else "")
                + ": the contract's defaults were taken. Name a recipe, or CONTENT_TYPES."
            )
        by_recipe = _values_of(recipe, form, field_count) if recipe is not None else {}
        chosen: Dict[str, Any] = {}
        for layer in (self.environment, payload_settings, self.request):  # the lowest first
            if layer.get("recipe") == name:
                chosen.update(by_recipe)
            chosen.update(layer)
        chosen = {key: value for key, value in chosen.items() if key not in _MERGED_APART}
        in_payload_settings = FieldValues(
            payload_settings.get("field_values", {}), PAYLOAD_SETTINGS
        )
        settings = Settings(
            **chosen,
            field_values=(
                *self.environment_values,
                *_filled(in_payload_settings),
                *self.request_values,
            ),
            recipe=recipe,
            warnings=tuple(warnings),
        )
        by_model = {*payload_settings} - {*self.request}
        try:
            return _with_templates(settings, by_model, is_known, is_known or self._is_final)
        except InvalidSettingsError:
            concerned = sorted(_RELATED & {*payload_settings})
            if not concerned:
                raise
            named = ", ".join(f"{PAYLOAD_SETTINGS}.{key}" for key in concerned)
            raise InvalidHyperparametersError(
                f"The hyperparameters {named} do not fit together, or with the other settings: the "
                "layout flat takes one content type, one that carries a single record takes one "
                "sample, and format=template needs valid templates."
            ) from None

    @property
    def _is_final(self) -> bool:
        """Whether settings that contradict each other now do so whatever the model says.

        They may not if both the request and the environment give some of them, since the model's
        `payload_settings` rank between the two; nor if the request leaves the content type to the
        model's family.
        """
        requested = {*self.request}
        if self.request.get("recipe") == AUTO and "content_types" not in requested:
            return False
        return not (_COUNTED & requested and _COUNTED & ({*self.environment} - requested))


# Keys of a layer that are not attributes of Settings, or are merged in another way.
_MERGED_APART = ("fields", "recipe", "field_values")
# Keys of settings that can contradict each other, and those of them whose numbers must fit.
_COUNTED = {"content_types", "layout", "sample_count"}
_RELATED = {*_COUNTED, "recipe", CONTENT_TEMPLATE, RECORD_TEMPLATE}


def read_settings(
    environment: Mapping[str, str],
    request: Any = None,
    variables: Optional[Mapping[str, str]] = None,
    check: Check = no_deadline,
) -> GivenSettings:
    """Return what the environment's variables and a request's `settings` say.

    `variables` are settings by their variables' names, which win over those of the request.
    `check` is called meanwhile; what it raises passes through.

    Raises
    ------
    InvalidSettingsError
        A value is invalid, or a request's key is unknown; the message names setting and value.
    """
    variables = variables or {}
    requested = read_request(request, check)
    by_variable = read_variables(variables, check)
    given = GivenSettings(
        request={**requested, **by_variable},
        environment=read_variables(environment, check),
        request_values=_filled(
            FieldValues(requested.get("field_values", {}), "field_values"),
            special_fields(variables),
        ),
        environment_values=_filled(special_fields(environment)),
        limits=read_limits({**environment, **{k: v for k, v in variables.items() if v}}),
        warnings=misspelt_variables(environment),
    )
    given.resolve(None)  # settings that contradict each other are refused at once
    return given


def _filled(*given: FieldValues) -> Tuple[FieldValues, ...]:
    return tuple(values for values in given if values.values)


def _values_of(recipe: Recipe, form: str, field_count: int) -> Dict[str, Any]:
    """Return the settings that a recipe stands for."""
    content_type = recipe.content_type(form, field_count)
    values: Dict[str, Any] = {"content_types": parse_content_types(content_type, "RECIPE")}
    if recipe.numbers_alone or recipe.coded_categories:
        values["default_categorical_value"] = 0
    if recipe.numbers_alone:
        values["default_text_value"] = values["default_datetime_value"] = 0
    return values


def _with_templates(
    settings: Settings, by_model: AbstractSet[str], is_known: bool, is_judged: bool
) -> Settings:
    """Check that the settings agree with each other, and bind templates to the formats.

    `by_model` are the keys that the model's own `payload_settings` give; unless they are known
    (`is_known`), a template may be missing. Unless `is_judged`, a contradiction is no error.
    """
    types = settings.content_types
    if is_judged and settings.layout == FLAT and len(types) > 1:
        raise InvalidSettingsError(
            f"The layout flat takes one content type, not {len(types)} "
            f"({', '.join(map(str, types))}): every file of the archive is sent as a request. "
            "Name one, or use the layout contract."
        )
    needed = {template for content_type in types for template in content_type.templates}
    given = {CONTENT_TEMPLATE: settings.content_template, RECORD_TEMPLATE: settings.record_template}
    missing = {template for template, text in given.items() if template in needed and not text}
    for template in given:
        if template in missing and is_known:
            raise InvalidSettingsError(
                f"A content type with format=template needs {template.upper()} ({template}), "
                "which is not set."
            )
    unused = [template for template, text in given.items() if text and template not in needed]
    warnings = [
        f"{template.upper()} ({template}) is set, but no content type uses it. Add "
        "format=template to one."
        for template in unused
    ]
    bound: List[Format] = []
    for content_type in types:
        if content_type.templates and not missing.intersection(content_type.templates):
            content_type = _bound(content_type, settings, by_model)
        if is_judged and content_type.one_sample and settings.layout == CONTRACT:
            _check_one_sample(content_type, settings.sample_count)
        bound.append(content_type)
    return replace(settings, content_types=tuple(bound), warnings=(*settings.warnings, *warnings))


def _bound(content_type: Format, settings: Settings, by_model: AbstractSet[str]) -> Format:
    names = {
        key: f"{PAYLOAD_SETTINGS}.{key}" if key in by_model else key.upper()
        for key in content_type.templates
    }
    content = None
    if CONTENT_TEMPLATE in names:
        content = parse_content_template(settings.content_template, names[CONTENT_TEMPLATE])
    record = parse_record_template(settings.record_template, names[RECORD_TEMPLATE])
    record = record._replace(is_hyperparameter=RECORD_TEMPLATE in by_model)
    return replace(
        content_type,
        write=partial(content_type.write, Templates(content, record)),
        one_sample=content is not None and takes_one_sample(content),
        templates=tuple(names.values()),
    )


def _check_one_sample(content_type: Format, sample_count: int) -> None:
    if sample_count > 1:
        raise InvalidSettingsError(
            f"The content type {content_type} carries one sample, but SAMPLE_COUNT (sample_count) "
            f"is {sample_count}. Use a format of several records, the layout flat, or one sample."
        )
