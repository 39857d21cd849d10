"""Results and failures → log lines and metrics. No hyperparameter's value is ever among them."""

from __future__ import annotations

import os
import resource
from typing import Any, Dict, Optional

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

from mims.aws.events import Request
from mims.aws.s3 import Run
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


def report_result(result: Dict[str, Any], run: Run, seconds: float) -> None:
    """Log one line for a model, and count it."""
    metrics.add_metric(_COUNTED[result["status"]], MetricUnit.Count, 1)
    logger.info("payload", **{**result, **_report_run(run, seconds)})


def report_failure(
    error: BaseException,
    request: Optional[Request] = None,
    run: Optional[Run] = None,
    seconds: float = 0.0,
) -> None:
    """Log one line for a failure, and count it, as a whole and by its error's name."""
    name = type(error).__name__
    known = isinstance(error, PayloadError)
    metrics.add_metric("PayloadsFailed", MetricUnit.Count, 1)
    with single_metric("PayloadsFailed", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("service", SERVICE)
        metric.add_dimension("error", name)
    logger.error(
        "failed",
        status="failed",
        error=name,
        # Another error is a defect; its message might quote a value.
        error_message=str(error) if known else "a defect of the function: please report it",
        permanent=getattr(error, "permanent", False),
        model_s3_uri=request.model_s3_uri if request else None,
        **(_report_run(run, seconds) if run else {}),
    )


def flush() -> None:
    """Write the metrics of this invocation."""
    if metrics.metric_set:
        metrics.flush_metrics()


def _report_run(run: Run, seconds: float) -> Dict[str, Any]:
    # Linux counts it in KiB, and for the process's whole life.
    peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    metrics.add_metric("GenerationTime", MetricUnit.Seconds, seconds)
    metrics.add_metric("ArchiveTime", MetricUnit.Seconds, run.archive_seconds)
    metrics.add_metric("ArchiveBytesRead", MetricUnit.Bytes, run.bytes_read)
    metrics.add_metric("PeakMemory", MetricUnit.Megabytes, peak_memory)
    metrics.add_metric("StreamResumes", MetricUnit.Count, run.resumes)
    metrics.add_metric("Restarts", MetricUnit.Count, run.restarts)
    return {
        "bytes_read": run.bytes_read,
        "requests": run.requests,
        "resumes": run.resumes,
        "restarts": run.restarts,
        "seconds": round(seconds, 3),
        "archive_seconds": round(run.archive_seconds, 3),
        "peak_memory_mb": round(peak_memory, 1),
    }
