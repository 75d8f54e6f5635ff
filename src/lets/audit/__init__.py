"""Every printed number back to bytes: digests, re-derived numbers, re-drawn labels, re-evaluated weights."""

from lets.audit.audit import Audit, perform
from lets.audit.dated import dated_receipt
from lets.audit.draw import Draw
from lets.audit.receipt import receipt, write_receipt
from lets.audit.text import audit_text

__all__ = ["Audit", "Draw", "audit_text", "dated_receipt", "perform", "receipt", "write_receipt"]
