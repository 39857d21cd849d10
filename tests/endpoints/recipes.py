"""The settings that docs/recipes.md names for each kind of model server, and their payloads."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any, Dict, List, Mapping

import pytest
from mims import Payload, generate
from mims.payload.check import check_payload_archive
from mims.settings import read_settings

from tests.archives import payload_of
from tests.models.kept import archive

Settings = Mapping[str, str]
Json = Dict[str, Any]

# Name → environment variables; each is a block of docs/recipes.md.
RECIPES: Dict[str, Settings] = {
    "xgboost": {"RECIPE": "xgboost"},
    "xgboost libsvm": {"RECIPE": "xgboost", "CONTENT_TYPES": "text/libsvm"},
    "xgboost libsvm from 0": {"RECIPE": "xgboost", "CONTENT_TYPES": "text/libsvm; index=0"},
    "numpy": {
        "RECIPE": "sklearn",
        "CONTENT_TYPES": "application/x-npy",
        "DEFAULT_CATEGORICAL_VALUE": "0.0",
    },
    "numpy csv": {
        "RECIPE": "sklearn",
        "CONTENT_TYPES": "text/csv; header=absent",
        "DEFAULT_CATEGORICAL_VALUE": "0.0",
        "SAMPLE_COUNT": "2",
    },
    "table": {"CONTENT_TYPES": "application/json, application/jsonlines, text/csv"},
    "tensorflow": {"RECIPE": "tensorflow"},
    "tensorflow columns": {
        "RECIPE": "tensorflow",
        "CONTENT_TYPES": "application/json; format=inputs",
    },
    "huggingface": {"RECIPE": "huggingface"},
    "huggingface csv": {"RECIPE": "huggingface", "CONTENT_TYPES": "text/csv", "SAMPLE_COUNT": "2"},
    "built-in": {"CONTENT_TYPES": "text/csv; header=absent", "DEFAULT_CATEGORICAL_VALUE": "0.0"},
    "built-in json": {"CONTENT_TYPES": "application/json; format=features"},
    "mlflow": {
        "RECIPE": "mlflow",
        "CONTENT_TYPES": "application/json; format=dataframe_split, text/csv",
    },
    "pandas without header": {"CONTENT_TYPES": "text/csv; header=absent"},
    "pandas json": {"CONTENT_TYPES": "application/json; format=records"},
    "flat": {"RECIPE": "auto", "PAYLOAD_LAYOUT": "flat", "SAMPLE_COUNT": "10"},
}


def library(name: str) -> Any:
    """Import a package, or skip the test that needs it."""
    return pytest.importorskip(
        name, reason=f"{name} is not installed: tests/endpoints/README.md says how to get it"
    )


def payload(model: str, settings: Settings) -> Payload:
    """Return the payload of a real model's archive, after the generator's own check."""
    content = archive(model).read_bytes()
    return checked(generate([content], read_settings(settings)))


def payload_from(hyperparameters: Json, settings: Settings) -> Payload:
    """Return the payload of a model with these hyperparameters."""
    content = json.dumps(hyperparameters).encode()
    return checked(payload_of(content, read_settings(settings), 0))


def checked(made: Payload) -> Payload:
    check_payload_archive(made.archive)
    return made


def files(made: Payload) -> Dict[str, bytes]:
    """Return everything in the payload archive, name → content."""
    with tarfile.open(fileobj=io.BytesIO(made.archive)) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]


def bodies(made: Payload) -> Dict[str, bytes]:
    """Return the bodies by the content type that is sent with them."""
    found = files(made)
    listed = json.loads(found["metadata.json"])["payloads"]
    return {payload["content_type"]: found[payload["path"]] for payload in listed}


def body(made: Payload) -> bytes:
    """Return the body of a payload with one content type."""
    (only,) = bodies(made).values()
    return only


def fields(made: Payload) -> List[str]:
    return [field["name"] for field in json.loads(files(made)["metadata.json"])["fields"]]
