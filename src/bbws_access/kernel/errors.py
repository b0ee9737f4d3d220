"""Errors that a caller of the API sees. Each carries its HTTP status and a stable code."""

from __future__ import annotations


class ServiceError(Exception):
    """An answer other than success. `details` must be JSON-serialisable and free of secrets."""

    status = 500
    code = "INTERNAL_ERROR"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: object | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.details = details
        self.headers = headers or {}


class BadRequest(ServiceError):
    status, code = 400, "VALIDATION_ERROR"


class Unauthorized(ServiceError):
    status, code = 401, "UNAUTHORIZED"


class Forbidden(ServiceError):
    status, code = 403, "FORBIDDEN"


class NotFound(ServiceError):
    """`code` should name what is missing, as in ROLE_NOT_FOUND."""

    status, code = 404, "ROUTE_NOT_FOUND"


class Conflict(ServiceError):
    """`code` should name the conflict, as in NAME_TAKEN."""

    status, code = 409, "VERSION_CONFLICT"


class TooLarge(ServiceError):
    status, code = 413, "PAYLOAD_TOO_LARGE"


class TooManyRequests(ServiceError):
    status, code = 429, "TOO_MANY_REQUESTS"


class Unavailable(ServiceError):
    """The service cannot answer now; the caller may try again after `retry_after` seconds."""

    status, code = 503, "SERVICE_UNAVAILABLE"

    def __init__(self, message: str, *, code: str | None = None, details: object | None = None, retry_after: int = 1):
        super().__init__(message, code=code, details=details, headers={"Retry-After": str(retry_after)})
