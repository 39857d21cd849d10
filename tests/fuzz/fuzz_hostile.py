"""Archives made to cost time and memory: a payload or one of our own errors, in bounded memory.

The fuzzer's bytes choose among shapes that cost much: how often a piece is repeated and how deep it
is nested, under which key and in which file it stands, what its header claims, which settings
meet it.
"""

from __future__ import annotations

import json
import resource
from typing import Any, Dict, List

import atheris  # type: ignore[import-untyped]

from tests.archives import END, gz, header, long_name, padded, pax, record
from tests.fuzz.running import run

with atheris.instrument_imports(include=["mims"]):
    from mims import generate
    from mims.errors import PayloadError
    from mims.payload.check import check_payload_archive
    from mims.settings import read_settings

_MOST_MIB = 384
_PIECES = (
    *("[]", "{}", "[{}]", "[[{}]]", '{"":[]}', '{"a":0}', "0", "1e1", "-1", '"a"', '""', "null"),
    *('"\\ud800"', '"[]"', "\"['a']\"", '"{\\"a\\":[]}"', "NaN", "9" * 400, '"' + "n" * 300 + '"'),
    *('{"name":"a","type":"int"}', '{"name":"b","type":"tensor","shape":[2,3]}', '"\\u0000"'),
)
_KEYS = (
    *("field_info", "tab_field_list", "cat_field_list", "full_field_list", "features", "columns"),
    *("task_label_names", "risk_tables", "imputation_dict", "payload_settings", "tab_feild_list"),
    *("feature_names", "signature", "learner", "fields", "warnings", "instances", "data", "inputs"),
)
_PATHS = (
    *("hyperparameters.json", "code/hyperparameters.json", "a/hyperparameters.json", "MLmodel"),
    *("feature_names.json", "features.txt", "config.json", "config.pbtxt", "input_example.json"),
    *("model.pkl", "xgboost-model", "model.json", "model.txt", "saved_model.pb", "model.onnx"),
    *("metadata.json", "sample_payload_0001.json", "text_csv/sample_payload.csv"),
    *("sample_payload_0001.csv", "sample_payload_0001.libsvm", "sample_payload_0001.npy"),
    *("predictor.pkl", "learner.pkl", "model.keras", "model.h5"),
)
_HEADS = (
    *(
        b"",
        b"\x80\x02]q\x00(",
        b"\x80\x04",
        b"(lp0\n",
        b"tree\nversion=v4\nfeature_names=",
        b"CBM1",
    ),
    *(b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", b"binf", b"\x08\x07", b"\n", b"0 ", b"a,b\n"),
    *(b"\x93NUMPY\x01\x00v\x00", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"signature:\n  inputs: '["),
)
_CONTENT_TYPES = (
    *(
        "application/json",
        "text/csv",
        "text/csv; header=absent",
        "text/libsvm",
        "application/jsonl",
    ),
    *(f"application/json; format={name}" for name in ("v2", "lists", "inputs", "task", "template")),
    "application/x-npy",
)


def fuzz_hostile(fuzzed: bytes) -> None:
    provider = atheris.FuzzedDataProvider(fuzzed)
    environment: Dict[str, str] = {
        "CONTENT_TYPES": provider.PickValueInList(list(_CONTENT_TYPES)),
        "SAMPLE_COUNT": provider.PickValueInList(["1", "2", "20"]),
        "PAYLOAD_LAYOUT": provider.PickValueInList(["contract", "flat"]),
        "RECIPE": provider.PickValueInList(["", "auto", "xgboost", "mlflow"]),
        "REALISTIC_VALUES": provider.PickValueInList(["true", "false"]),
    }
    if "template" in environment["CONTENT_TYPES"]:
        environment["CONTENT_TEMPLATE"] = provider.PickValueInList(['["$records"]', "[$records]"])
        environment["RECORD_TEMPLATE"] = json.dumps(["$features"] * _count(provider, 8))
    if provider.ConsumeBool():
        environment["FIELDS"] = _text(provider)
    members = b"".join(_member(provider) for _ in range(provider.ConsumeIntInRange(1, 6)))
    archive = gz(members + END, 1)
    try:
        payload = generate([archive], read_settings(environment))
        check_payload_archive(payload.archive)
    except PayloadError as error:
        _is_of_the_tree(error)
    try:
        check_payload_archive(archive)
    except PayloadError as error:
        _is_of_the_tree(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    assert peak < _MOST_MIB, f"{peak} MiB"


def _is_of_the_tree(error: PayloadError) -> None:
    if type(error) is PayloadError:  # a file that does not give back its samples
        raise error
    assert len(str(error)) < 20_000


def _member(provider: Any) -> bytes:
    name = provider.PickValueInList(["", "a/", "b/c/", "code/"]) + provider.PickValueInList(
        list(_PATHS)
    )
    content = _content(provider)
    size = len(content)
    if provider.ConsumeProbability() > 0.9:
        size = provider.PickValueInList([0, 1, size // 2, size + 512, 2**33])
    before = b""
    kind = provider.PickValueInList([b"0", b"0", b"0", b"0", b"5", b"2", b"S", b"x", b"g"])
    extended = provider.ConsumeIntInRange(0, 5)
    if extended == 1:
        before = pax(b"".join(record(f"k{index}", b"v") for index in range(_count(provider, 10))))
    elif extended == 2:
        before = long_name(b"n/" * _count(provider, 12) + name.encode())
    elif extended == 3:
        before = pax(record("path", b"m/" * _count(provider, 12) + name.encode()))
    return before + header(name.encode(), size, kind) + padded(content)


def _content(provider: Any) -> bytes:
    """Return JSON of a costly shape, or the same after the beginning of a model file."""
    head: bytes = provider.PickValueInList(list(_HEADS))
    if head:
        tail: bytes = provider.ConsumeBytes(40)
        return head + _text(provider).encode("utf-8", "replace") + tail
    values: List[str] = []
    for _ in range(provider.ConsumeIntInRange(1, 4)):
        key, value = provider.PickValueInList(list(_KEYS)), _text(provider)
        for _ in range(provider.ConsumeIntInRange(0, 2)):  # JSON in a text in JSON
            value = json.dumps(value)
        values.append(f'"{key}":{value}')
    return f"{{{','.join(values)}}}".encode("utf-8", "replace")


def _text(provider: Any) -> str:
    """Return a list or object: a piece, repeated and nested."""
    piece = provider.PickValueInList(list(_PIECES))
    count = _count(provider, 11)
    depth = _count(provider, 8)
    opening, closing = provider.PickValueInList([("[", "]"), ('{"a":', "}"), ("(", ",)")])
    if provider.ConsumeBool():
        items = ",".join(f'"{index:x}":{piece}' for index in range(count))
        inner = f"{{{items}}}"
    else:
        inner = f"[{','.join([piece] * count)}]"
    return str(opening * depth + inner + closing * depth)


def _count(provider: Any, bits: int) -> int:
    """Return a number whose length in bits is random, so that small ones are not rare."""
    return int(provider.ConsumeIntInRange(0, 2 ** provider.ConsumeIntInRange(0, bits)))


if __name__ == "__main__":
    run(fuzz_hostile)
