"""A batch as it is given on the command line: a table or lists, a template, an id that can be derived."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from worker.batches.manifest import Manifest, count_rows, read_manifest
from worker.batches.matrix import Matrix, matrix_rows, matrix_size
from worker.batches.rows import CheckRequest, RowMaker
from worker.batches.survey import Survey, survey
from worker.contracts.ids import MAX_BATCH_ROWS
from worker.contracts.json_text import canonical_json, read_json
from worker.contracts.text import shown
from worker.errors import MalformedRequestError

_STEM_CHARACTERS: Final = 60
_CHUNK_BYTES: Final = 1024 * 1024


class BatchDraftError(ValueError):
    """What was given is no batch; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDraft:
    """What was given for one batch: either a `table` with the name of its file, or a `matrix`."""

    template: dict[str, Any]
    table: BinaryIO | None = None
    name: str = ""
    matrix: Matrix | None = None

    def digest(self) -> str:
        """SHA-256 (64 hex digits) of all of it."""
        hasher = hashlib.sha256(
            canonical_json([self.template, list((self.matrix or {}).items())]).encode()
        )
        if self.table is not None:
            self.table.seek(0)
            while chunk := self.table.read(_CHUNK_BYTES):
                hasher.update(chunk)
        return hasher.hexdigest()

    def derived_id(self) -> str:
        """A readable batchId that is the same for the same content."""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", self.name.rpartition(".")[0]).strip("-")
        return f"{stem[:_STEM_CHARACTERS] or 'batch'}-{self.digest()[:12]}"

    @contextmanager
    def rows(self) -> Iterator[Manifest]:
        """Its rows, from the first. Raises ManifestError."""
        if self.matrix is not None:
            yield Manifest(tuple(self.matrix), matrix_rows(self.matrix))
            return
        assert self.table is not None  # noqa: S101 -- one of the two
        size_bytes = self.table.seek(0, os.SEEK_END)
        self.table.seek(0)
        yield read_manifest(self.table, self.name, size_bytes=size_bytes)

    def survey(
        self, batch_id: str, check: CheckRequest, *, reuses: bool, shares_poses: bool
    ) -> Survey:
        """What it would do, by workers that reuse and share what is prepared or not.

        Raises ManifestError.
        """
        maker = RowMaker(
            batch_id=batch_id,
            template=self.template,
            is_matrix=self.matrix is not None,
            reuses=reuses,
            shares_poses=reuses and shares_poses,
        )
        with self.rows() as manifest:
            if manifest.columns is not None:
                maker.check_columns(manifest.columns)
            if self.matrix is None:
                count_rows(manifest.rows)
        with self.rows() as manifest:
            return survey(manifest.rows, maker, check)

    def is_csv(self) -> bool:
        """Whether its table is CSV, whatever its file is called."""
        with self.rows() as manifest:
            return manifest.columns is not None


def read_template(path: Path | None) -> dict[str, Any]:
    """The template in a JSON file; empty without one. Raises BatchDraftError."""
    if path is None:
        return {}
    try:
        template = read_json(path.read_bytes(), str(path))
    except MalformedRequestError as error:
        raise BatchDraftError(error.message) from error
    except OSError as error:
        raise BatchDraftError(f"{path}: {error.strerror or error}") from error
    if not isinstance(template, dict):
        raise BatchDraftError(f"{path} is {shown(template)}, not a JSON object")
    return template


def read_matrix(given: Sequence[str]) -> Matrix:
    """The lists in `NAME=VALUE,VALUE` or `NAME=[JSON array]`. Raises BatchDraftError."""
    matrix: dict[str, list[Any]] = {}
    for text in given:
        name, is_set, values = text.partition("=")
        if not is_set or not name or not values:
            raise BatchDraftError(f"{shown(text)}: must be NAME=VALUE,VALUE or NAME=[JSON array]")
        if name in matrix:
            raise BatchDraftError(f"{name} is given twice")
        matrix[name] = _values(name, values)
    if matrix_size(matrix) > MAX_BATCH_ROWS:
        raise BatchDraftError(
            f"makes {matrix_size(matrix):,} rows, at most {MAX_BATCH_ROWS:,} are allowed"
        )
    return matrix


def _values(name: str, text: str) -> list[Any]:
    if text.startswith("["):
        try:
            values = read_json(text, name)
        except MalformedRequestError as error:
            raise BatchDraftError(error.message) from error
        if not isinstance(values, list) or not values:
            raise BatchDraftError(f"{name}: must be an array of at least one value")
        return values
    return [_value(one.strip()) for one in text.split(",") if one.strip()]


def _value(text: str) -> Any:
    """A whole number or a truth as such, all else as text."""
    if re.fullmatch(r"-?[0-9]{1,15}|true|false", text):
        return json.loads(text) if not re.fullmatch(r"-?0[0-9]+", text) else text
    return text
