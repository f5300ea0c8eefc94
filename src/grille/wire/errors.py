"""The errors of Grille, each with a machine code that is the same on every side of the wire.

GrilleError
├── InvalidValue        invalid            400  a value that can never be right
├── Unauthorized        unauthorized       401  no token, or an unknown one
├── Forbidden           forbidden          403  a token of a role that may not do this
├── NotFound            not_found          404
├── Conflict            conflict           409  somebody else changed it first, or it exists
├── TooLarge            too_large          413
├── Unprocessable       unprocessable      422  well-formed, but it cannot be done as asked
├── Unavailable         unavailable        503  a brick or the store does not answer
├── OutOfSpace          out_of_space       507
├── TimedOut            timed_out          504  a deadline went by
└── Failed              failed             500  the work was tried and failed (a build, a job, a deployment)
"""

from __future__ import annotations


class GrilleError(Exception):
    """Base of all errors that a user may see.

    Args:
        message: what was wrong, and where, in one line.
        remedy: what to do about it, in one line; empty when the message says it.
        code: overrides the class's machine code with a finer one (``no_procfile``, say).
    """

    code = "error"
    status = 500

    def __init__(self, message: str, *, remedy: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if code:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message

    def problem(self) -> dict[str, object]:
        """The RFC 9457 problem document of this error, with ``code`` and ``remedy`` as extension members."""
        return {
            "type": "about:blank",
            "title": type(self).__name__,
            "status": self.status,
            "code": self.code,
            "detail": self.message,
            "remedy": self.remedy,
        }


class InvalidValue(GrilleError):
    """A value that can never be right."""

    code = "invalid"
    status = 400


class Unauthorized(GrilleError):
    """No token, or an unknown one."""

    code = "unauthorized"
    status = 401


class Forbidden(GrilleError):
    """A known token whose role may not do this."""

    code = "forbidden"
    status = 403


class NotFound(GrilleError):
    """The thing named does not exist."""

    code = "not_found"
    status = 404


class Conflict(GrilleError):
    """Somebody else changed the thing first, or it exists already."""

    code = "conflict"
    status = 409


class TooLarge(GrilleError):
    """The body or object is over a limit."""

    code = "too_large"
    status = 413


class Unprocessable(GrilleError):
    """Well-formed, but it cannot be done as asked."""

    code = "unprocessable"
    status = 422


class Unavailable(GrilleError):
    """A brick or the store does not answer; trying again later may help."""

    code = "unavailable"
    status = 503


class OutOfSpace(GrilleError):
    """No room left on the device that holds the data."""

    code = "out_of_space"
    status = 507


class TimedOut(GrilleError):
    """A deadline went by."""

    code = "timed_out"
    status = 504


class Failed(GrilleError):
    """The work was tried and failed: a build, a job, a deployment."""

    code = "failed"
    status = 500


_BY_STATUS: dict[int, type[GrilleError]] = {
    cls.status: cls
    for cls in (
        InvalidValue,
        Unauthorized,
        Forbidden,
        NotFound,
        Conflict,
        TooLarge,
        Unprocessable,
        Unavailable,
        OutOfSpace,
        TimedOut,
        Failed,
    )
}


def from_problem(status: int, document: object) -> GrilleError:
    """The error that a problem document describes; tolerant of any other body.

    Args:
        status: the HTTP status code.
        document: the decoded JSON body, of whatever shape it came in.
    """
    cls = _BY_STATUS.get(status, GrilleError)
    if not isinstance(document, dict):
        return cls(f"the server answered {status}")
    message = str(document.get("detail") or document.get("title") or f"the server answered {status}")
    return cls(message, remedy=str(document.get("remedy") or ""), code=str(document.get("code") or ""))
