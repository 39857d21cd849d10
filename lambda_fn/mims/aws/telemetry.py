"""Results and failures → log lines and metrics, which never have a hyperparameter's value."""

from __future__ import annotations

import os
import resource
from typing import Any, Dict, Optional

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

from mims.aws.request import Request
from mims.aws.results import Result
from mims.aws.s3 import S3Session
from mims.errors import PayloadError

SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME") or "mims-payload"
NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "MimsPayload"

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)

_COUNTED = {
    "created": "PayloadsCreated",
    "updated": "PayloadsUpdated",
    "unchanged": "PayloadsUnchanged",
    "skipped": "ModelsSkipped",
}


def log_result(result: Result, session: S3Session, seconds: float) -> None:
    """Log one line for a model, and count it."""
    metrics.add_metric(_COUNTED[result.status], MetricUnit.Count, 1)
    logger.info("payload", **{**result.as_dict(), **_count_figures(session, seconds)})


def log_failure(
    error: PayloadError,
    request: Optional[Request] = None,
    session: Optional[S3Session] = None,
    seconds: float = 0.0,
) -> None:
    """Log one line for a failure, and count it among all failures and by its error's name."""
    name = type(error).__name__
    metrics.add_metric("PayloadsFailed", MetricUnit.Count, 1)
    with single_metric("PayloadsFailed", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("service", SERVICE)
        metric.add_dimension("error", name)
    logger.error(
        "failed",
        status="failed",
        error=name,
        error_message=str(error),
        permanent=error.permanent,
        model_s3_uri=request.model_s3_uri if request else None,
        model_etag=session.model_etag if session else None,
        **(_count_figures(session, seconds) if session else {}),
    )


def flush_metrics() -> None:
    """Write the metrics that are left if a defect ended the invocation."""
    if metrics.metric_set:
        metrics.flush_metrics()


def _count_figures(session: S3Session, seconds: float) -> Dict[str, Any]:
    """Add a run's figures to the metrics; return them for the log line."""
    # Linux counts it in KiB, over the whole life of the process.
    peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    metrics.add_metric("GenerationTime", MetricUnit.Seconds, seconds)
    metrics.add_metric("ArchiveTime", MetricUnit.Seconds, session.archive_seconds)
    metrics.add_metric("ArchiveBytesRead", MetricUnit.Bytes, session.bytes_read)
    metrics.add_metric("PeakMemory", MetricUnit.Megabytes, peak_memory)
    metrics.add_metric("StreamResumes", MetricUnit.Count, session.resumes)
    metrics.add_metric("Restarts", MetricUnit.Count, session.restarts)
    return {
        "bytes_read": session.bytes_read,
        "requests": session.requests,
        "resumes": session.resumes,
        "restarts": session.restarts,
        "seconds": round(seconds, 3),
        "archive_seconds": round(session.archive_seconds, 3),
        "peak_memory_mb": round(peak_memory, 1),
    }
