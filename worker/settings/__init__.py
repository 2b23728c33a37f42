"""The environment as one frozen value, with every problem of it reported at once.

`load_settings` is all that most callers need; `SETTINGS` is the table of what may be set, from
which the reference page is written.
"""

from worker.settings.credentials import (
    ApiToken,
    ApplicationKey,
    Credentials,
    StoredCredentials,
    parse_stored_credentials,
)
from worker.settings.loading import Settings, load_settings
from worker.settings.secret import Secret
from worker.settings.specs import SETTINGS, SettingSpec

__all__ = [
    "SETTINGS",
    "ApiToken",
    "ApplicationKey",
    "Credentials",
    "Secret",
    "SettingSpec",
    "Settings",
    "StoredCredentials",
    "load_settings",
    "parse_stored_credentials",
]
