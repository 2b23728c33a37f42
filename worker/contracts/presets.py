"""Presets: named beginnings of requests, kept in the rules file; a request says what differs.

    presets:                             {"requestId": "sku-1", "preset": "studio",
      studio:                             "input": {"imageId": "s3://catalog/raw/sku-1.png"},
        workflow: full-naomi       +      "output": "s3://shop/sku-1/"}
        input: {aspectRatio: "7:10", …}

The result is an ordinary request: the record of the job has it, not the preset's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.contracts.filling import BadTemplateError, filled, merged
from worker.contracts.plain_words import did_you_mean
from worker.contracts.text import shown
from worker.errors import InvalidRequestError, Problem

PRESET = "preset"
"""The field of a request that names its preset."""

Presets = Mapping[str, Mapping[str, Any]]
"""By name, the part of a request that each one gives."""


def with_preset(document: Mapping[str, Any], presets: Presets) -> dict[str, Any]:
    """A request document with its preset below it: the request wins, and its nulls remove.

    Without `preset` it comes back as it is. Texts of a preset may have names in braces, which only
    a rule or a manifest can fill.

    Raises InvalidRequestError: there is no such preset, or it has a name in braces.
    """
    if document.get(PRESET) is None:
        return {key: value for key, value in document.items() if key != PRESET}
    name = document[PRESET]
    try:
        below = filled(preset_named(name, presets), {})
    except BadTemplateError as error:
        fix = "use it in a rule or a manifest, or give the value in the request and the preset none"
        raise InvalidRequestError([Problem(PRESET, shown(name), str(error), fix)]) from None
    return merged(below, {key: value for key, value in document.items() if key != PRESET})


def template_with_preset(template: Mapping[str, Any], presets: Presets) -> dict[str, Any]:
    """A template of requests with its preset below it; names in braces stay, to be filled later.

    Raises InvalidRequestError: there is no such preset.
    """
    above = {key: value for key, value in template.items() if key != PRESET}
    if template.get(PRESET) is None:
        return above
    return merged(preset_named(template[PRESET], presets), above)


def preset_named(name: Any, presets: Presets) -> Mapping[str, Any]:
    """The preset of that name, as it stands in the rules file.

    Raises InvalidRequestError.
    """
    if isinstance(name, str) and name in presets:
        return presets[name]
    if not isinstance(name, str):
        rule, fix = "must be text", "the name of a preset in the rules file"
    elif not presets:
        rule = "there are no presets: no rules file is in force, or it has none"
        fix = "set WORKER_DROP_RULES to a rules file with presets:"
    else:
        rule = f"is not a preset: the rules file has {', '.join(sorted(presets)[:20])}"
        fix = did_you_mean(name, presets)
    raise InvalidRequestError([Problem(PRESET, shown(name), rule, fix)])
