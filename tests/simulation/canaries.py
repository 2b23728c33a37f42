"""Secrets that are planted where real ones would be; none may come out anywhere."""

from __future__ import annotations

MARK = "CANARY"
"""In every planted secret, and in nothing else."""

TOKEN = f"eyJhbGciOiJSUzI1NiJ9.{MARK}.c2lnbmVk"
LINK = f"https://pictures.hautech.test/a.png?X-Goog-Signature={MARK}"
SIGNATURE = f"X-Goog-Signature={MARK}"
