"""The events that S3 sends after an upload, made from the upload's own names and values."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from local.s3_server import REGION


def object_created(bucket: str, key: str, size: int, etag: str) -> dict[str, Any]:
    """Return EventBridge's event, in which the key is not URL-encoded.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-01-15T08:30:00Z",
        "region": REGION,
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": key,
                "size": size,
                "etag": etag.strip('"'),
                "sequencer": "00617F08299329D189",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "111122223333",
            "source-ip-address": "192.0.2.1",
            "reason": "PutObject",
        },
    }


def notification(bucket: str, *keys: str) -> dict[str, Any]:
    """Return a bucket notification with a record for each key; the keys in it are URL-encoded.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    return {
        "Records": [
            {
                "eventVersion": "2.3",
                "eventSource": "aws:s3",
                "awsRegion": REGION,
                "eventTime": "2026-01-15T08:30:00.000Z",
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "models",
                    "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                    "object": {"key": quote_plus(key, safe="/"), "sequencer": "0055AED6DCD90281E5"},
                },
            }
            for key in keys
        ]
    }
