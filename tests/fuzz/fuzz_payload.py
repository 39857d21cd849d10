"""Any hyperparameters and settings: a payload that passes its check, or one of our own errors."""

from __future__ import annotations

import json

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import SEEDS, mapping, run, value

with atheris.instrument_imports(include=["mims"]):
    from mims.errors import PayloadError
    from mims.formats.registry import FORMATS
    from mims.payload.check import check_payload_archive
    from mims.settings import read_settings

    from tests.archives import payload_of

_NAMES = ("age", "a.b", "a_b", "label", "id", "ünï", "name")
_KEYS = (
    *_NAMES,
    "field_info",
    "tab_field_list",
    "cat_field_list",
    "full_field_list",
    "text_name",
    "text_source_fields",
    "label_name",
    "id_name",
    "task_label_names",
    "imputation_dict",
    "risk_tables",
    "bins",
    "type",
    "numeric",
    "categorical",
    "default",
    "example",
    "categories",
    "model_class",
    "pipeline_version",
)
_SETTINGS = (
    "content_types",
    "default_numeric_value",
    "default_text_value",
    "default_categorical_value",
    "field_values",
    "layout",
    "realistic_values",
)
_CONTENT_TYPES = [str(each) for each in FORMATS]
_OF_SEVERAL = [str(each) for each in FORMATS if not (each.one_sample or each.one_field)]


def fuzz_payload(fuzzed: bytes) -> None:
    """If the first byte is `{`, the bytes are the file itself; else the file is made from them."""
    environment = {"CONTENT_TYPES": ",".join(_OF_SEVERAL[:9])}
    requested = None
    if fuzzed.startswith(b"{"):
        content = fuzzed
    else:
        provider = atheris.FuzzedDataProvider(fuzzed)
        environment["CONTENT_TYPES"] = provider.PickValueInList(_CONTENT_TYPES)
        environment["SAMPLE_COUNT"] = str(provider.ConsumeIntInRange(0, 12))
        environment["SPECIAL_FIELD_" + provider.PickValueInList(list(_NAMES))] = "7"
        environment["FIELD_DEFAULTS"] = json.dumps(mapping(provider, _NAMES, 1))
        if provider.ConsumeBool():
            requested = {provider.PickValueInList(list(_SETTINGS)): value(provider, _NAMES, 2)}
        content = json.dumps(mapping(provider, _KEYS)).encode()
    try:
        settings = read_settings(environment, requested)
        payload = payload_of(content, settings, 0)
    except PayloadError as error:
        if type(error) is PayloadError:  # a file that does not give back its samples
            raise
        return
    check_payload_archive(payload.archive)


if __name__ == "__main__":
    run(fuzz_payload, SEEDS / "payload")
