"""A model as its library packs it → the request that `RECIPE=auto` makes for its server."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from mims import generate
from mims.settings import read_settings

from tests.endpoints.recipes import checked, files
from tests.models.packing import pack_with_gnu_tar

# One sample, as a test request has; several, as a batch has.
COUNTS = (1, 3)


class Request(NamedTuple):
    """A payload's only body, and what its metadata say about it.

    Attributes
    ----------
    content_type
        With its parameters, as a setting names it.
    media_type
        The content type that is sent.
    settings
        The settings besides the values, as a shell would have them.
    fields
        Their names, in the payload's order.
    """

    body: bytes
    content_type: str
    media_type: str
    samples: int
    settings: str
    fields: List[str]
    family: Optional[str]
    recipe: Optional[str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def packed(folder: Path) -> bytes:
    """Return the folder as SageMaker packs it after training: `tar -czf model.tar.gz .`."""
    with tempfile.TemporaryDirectory() as elsewhere:
        archive = Path(elsewhere) / "model.tar.gz"
        pack_with_gnu_tar(folder, archive)
        return archive.read_bytes()


def request(
    folder: Path,
    samples: int = 1,
    values: Optional[Mapping[str, Sequence[Any]]] = None,
    **settings: str,
) -> Request:
    """Return the request that `RECIPE=auto` makes from a model's folder.

    Parameters
    ----------
    values
        Field name → the values of the samples in turn, if not the defaults.
    settings
        More variables of the environment.
    """
    variables = {"RECIPE": "auto", "SAMPLE_COUNT": str(samples), **settings}
    if values is not None:
        variables["FIELD_DEFAULTS"] = json.dumps(values)
    made = checked(generate([packed(folder)], read_settings(variables)))
    found = files(made)
    metadata: Dict[str, Any] = json.loads(found["metadata.json"])
    (payload,) = metadata["payloads"]
    parameters = [f"{name}={value}" for name, value in payload["parameters"].items()]
    return Request(
        found[payload["path"]],
        "; ".join([payload["content_type"], *parameters]),
        payload["content_type"],
        samples,
        " ".join([f"RECIPE={variables['RECIPE']}", *sorted({*settings} - {"RECIPE"})]),
        [field["name"] for field in metadata["fields"]],
        made.family,
        made.recipe,
    )
