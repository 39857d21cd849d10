"""The events of `events/`, which are all about one model, and that model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

from tests.archives import packed

FOLDER = Path(__file__).parents[2] / "events"
# The key has a space and a plus, which differ between a URL-encoded key and one that is not.
BUCKET = "amzn-s3-demo-bucket"
KEY = "training/churn model+v2/churn-2026-01-15/output/model.tar.gz"
PAYLOAD_KEY = "training/churn model+v2/churn-2026-01-15/output/payload/payload.tar.gz"
URI = f"s3://{BUCKET}/{KEY}"

HYPERPARAMETERS: Dict[str, Any] = {
    "tab_field_list": ["age", "income"],
    "cat_field_list": ["region"],
    "label_name": "label",
}


def event(name: str) -> Any:
    """Return a fresh copy of the event in `events/<name>.json`."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def sqs_event(*bodies: Any) -> Dict[str, Any]:
    """Return an event of messages with these bodies, whose ids are "0", "1" and so on."""
    (record, *_) = event("sqs")["Records"]
    return {
        "Records": [
            {**record, "messageId": str(number), "body": body}
            for number, body in enumerate(
                body if isinstance(body, str) else json.dumps(body) for body in bodies
            )
        ]
    }


def sns_event(*messages: Any) -> Dict[str, Any]:
    """Return an event of SNS with these messages."""
    (record,) = event("sns")["Records"]
    return {
        "Records": [
            {**record, "Sns": {**record["Sns"], "Message": json.dumps(message)}}
            for message in messages
        ]
    }


def model_archive(*members: Any) -> bytes:
    """Return a gzipped tar of (name, content) members; by default, only of the hyperparameters."""
    return packed(*(members or [("hyperparameters.json", hyperparameters())]))


def hyperparameters(**more: Any) -> bytes:
    return json.dumps({**HYPERPARAMETERS, **more}).encode()
