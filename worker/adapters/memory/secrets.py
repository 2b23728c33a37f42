"""Secrets in memory, read the same way as those of Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Mapping

from worker.adapters.secret_text import parse_secret, unusable_secret


class MemorySecrets:
    """Reads secrets from a mapping of ARN to text."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)

    @classmethod
    def of(cls, arn: str, values: Mapping[str, str]) -> MemorySecrets:
        """One secret with these values."""
        return cls({arn: json.dumps(values)})

    def read_secret(self, arn: str) -> dict[str, str]:
        """The values of a secret. Raises SettingsError when it does not exist or is no such object."""
        text = self._texts.get(arn)
        if text is None:
            raise unusable_secret(arn, "there is no such secret", "add it")
        return parse_secret(arn, text)
