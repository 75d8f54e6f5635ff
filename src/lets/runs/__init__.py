"""What a run leaves on disk: spec, history, metrics, provenance, digests; nothing is ever half there."""

from lets.runs.metrics import Divergence, Metrics
from lets.runs.record import RunRecord, Status

__all__ = ["Divergence", "Metrics", "RunRecord", "Status"]
