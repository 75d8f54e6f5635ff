"""What a run leaves on disk: spec, history, metrics, provenance, digests; nothing is ever half there."""

from lets.records.metrics import Divergence, Metrics
from lets.records.run import RunRecord, Status

__all__ = ["Divergence", "Metrics", "RunRecord", "Status"]
