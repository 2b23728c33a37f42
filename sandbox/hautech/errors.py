"""Refusals of the stand-in, with the status and body that the API's framework would send."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """An answer other than success.

    Attributes:
        status: HTTP status.
        body: the JSON document, in the framework's default shape. `message` is a list for
            rejected input, else a string.
    """

    def __init__(self, status: int, message: str | list[str]) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.body: dict[str, Any] = {"message": message, "statusCode": status}
        phrase = HTTPStatus(status).phrase
        if message != phrase:
            self.body["error"] = phrase


def unauthorized() -> ApiError:
    """401 in the words of a refused guard, which names no reason."""
    return ApiError(401, "Unauthorized")


def forbidden() -> ApiError:
    """403 for a token that lacks the permission."""
    return ApiError(403, "Forbidden resource")


def malformed_id() -> ApiError:
    """400 for a path id that is not a UUID."""
    return ApiError(400, "Validation failed (uuid is expected)")


def not_found(what: str) -> ApiError:
    """404 for a well-formed id that names nothing."""
    return ApiError(404, f"{what} not found")


def no_such_route(method: str, path: str) -> ApiError:
    """404 of an unknown route."""
    return ApiError(404, f"Cannot {method} {path}")
