"""Every printed number back to bytes: digests, re-derived numbers, recomputed labels, re-evaluated weights."""

from lets.audit.audit import Audit, perform
from lets.audit.context import Sample
from lets.audit.receipt import audit_text, dated_receipt, receipt, write_receipt

__all__ = ["Audit", "Sample", "audit_text", "dated_receipt", "perform", "receipt", "write_receipt"]
