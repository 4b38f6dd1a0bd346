"""What the server answers when it cannot do what was asked: one shape for every error."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal that a participant's browser gets as JSON.

    ``code`` is for programs and never changes; ``message`` is one sentence that a participant can
    read; ``retryable`` says whether sending the same request again, after ``retry_after`` seconds, may
    succeed.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retryable: bool = False, retry_after: int = 1
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return {"error": {"code": self.code, "message": self.message, "retryable": self.retryable}}


def bad_request(message: str) -> ApiError:
    """The request does not have the form that the API documents."""
    return ApiError(400, "bad_request", message)


def conflict(code: str, message: str) -> ApiError:
    """The request is well formed and does not fit the session's state."""
    return ApiError(409, code, message)
