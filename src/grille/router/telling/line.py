"""The access log's lines as facts, and as text for people: one line a request, as Heroku's router writes it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .. import access_format
from ..pool import WAIT

STREAM = "router"
NOBODY = ("<NOSRV>", "-", WAIT)  # what stands for the server where no instance answered
APP, _ACCEPTED, _TOTAL, _BACKEND, _SERVER, _STATUS, _STATE = map(
    access_format.NAMES.index, ("app", "accepted", "total", "backend", "server", "status", "state")
)  # from accepted to total all words are times
_LAST = len(access_format.NAMES) - 1
OWN_ERRORS = {
    400: "bad_request",
    403: "client_certificate_required",
    404: "no_route",
    408: "request_timeout",
    411: "length_required",
    413: "body_too_large",
    421: "misdirected",
    429: "rate_limited",
    503: "no_instance_or_maintenance",  # a line does not say which
}
OF_INSTANCES = {502: "bad_gateway", 503: "app_unavailable", 504: "app_timeout"}
MOST_PATH = 1000  # characters shown


class Facts(NamedTuple):
    """What is counted of one request.

    Args:
        time: of its end, seconds since the epoch. app: empty where no route was found.
        duration: ms to the answer's first byte (all of it, where none came); -1 where HAProxy answered by itself.
        failed: answered with 5xx, or not at all, and not because the client left.
    """

    time: float
    app: str
    backend: str
    duration: int
    failed: bool


def of_app(lines: Iterable[str], app: str) -> Iterator[str]:
    """Those of ``lines`` that are of ``app``, in the same order."""
    for line in lines:
        words = line.split(" ", APP + 1)
        if len(words) > APP + 1 and words[APP] == app:
            yield line


def facts(line: str) -> Facts | None:
    """What ``line`` says; None for what is no whole line. Tens of thousands are read so: it takes words by number."""
    words = line.split(" ", _LAST)
    if len(words) <= _LAST or words[0] not in ("http", "tcp"):
        return None
    state, http = words[_STATE], words[0] == "http"
    came, handshake, idle, _, queue, connect, response, total = map(_ms, words[_ACCEPTED : _TOTAL + 1])
    ended = came + max(0, total) + (max(0, handshake) + max(0, idle) if http else 0)
    duration = queue + connect + response if min(queue, connect, response) >= 0 else total
    if words[_SERVER] in NOBODY[:2]:
        duration = -1
    status = _ms(words[_STATUS])
    failed = not state.startswith("C") and (not 0 <= status < 500 if http else state[1:2] in ("C", "Q"))
    app = "" if words[APP] == "-" else words[APP]
    return Facts(ended / 1000, app, words[_BACKEND], duration if http else connect, failed)


def shown(line: str) -> dict[str, object] | None:
    """``line`` as log streams have it: ``time``, ``stream`` and ``text``; None for what is no whole line."""
    words = access_format.split(line)
    if words is None:
        return None
    return {"time": _end(words), "stream": STREAM, "text": text(words)}


def text(words: dict[str, str]) -> str:
    """One line for people; values that may hold anything are quoted, and no control character is left."""
    code = error(words)
    head = f"at=error code={code}" if code else "at=info"
    if words["kind"] == "tcp":
        request = f"tcp port={words['port']} host={_word(words['host'])}"
    else:
        path = access_format.target(words["uri"])
        request = f"method={_word(words['method'])} path={_quoted(path)} host={_word(words['host'])}"
    who = words["server"] if words["server"] not in NOBODY else "-"
    ending = "" if words["state"] in ("--", "LR", "-") else f" state={_word(words['state'])}"
    return (
        f"{head} {request} request_id={_word(words['id'])} fwd={_quoted(words['client'])} instance={_word(who)}"
        f" queue={_time(words['queue'])} connect={_time(words['connect'])} service={_time(words['response'])}"
        f" total={_time(words['total'])} status={_known(words['status'])} received={words['received']}"
        f" bytes={words['sent']} retries={words['retries']} tls={words['tls']} protocol={words['version']}{ending}"
    )


def error(words: dict[str, str]) -> str:
    """The code of Grille's own error that the client got, empty for an answer of an instance or a redirect."""
    status = _ms(words["status"])
    if words["kind"] == "tcp":
        return "app_unavailable" if _refused(words) else ""
    if words["state"].startswith("C"):
        return "client_gone"
    if words["server"] == WAIT:
        return OF_INSTANCES.get(status, "")
    if words["state"] == "--":
        return ""
    return (OWN_ERRORS if words["server"] == NOBODY[0] else OF_INSTANCES).get(status, "")


def _refused(words: dict[str, str]) -> bool:
    """Whether a connection of TCP ended before an instance had taken it, and not by the client's doing."""
    return not words["state"].startswith("C") and words["state"][1:2] in ("C", "Q")


def _end(words: dict[str, str]) -> float:
    """When the request ended, seconds since the epoch; 0 for a line whose times are none."""
    began = _ms(words["accepted"])
    if words["kind"] == "http":
        began += max(0, _ms(words["handshake"])) + max(0, _ms(words["idle"]))
    return max(0, began + max(0, _ms(words["total"]))) / 1000


def _ms(word: str) -> int:
    """The number in a word, -1 for one that holds none; a ``+`` before it marks a request that was not over."""
    digits = word.removeprefix("+")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 18 else -1


def _time(word: str) -> str:
    return f"{word}ms" if _ms(word) >= 0 else "-"


def _known(word: str) -> str:
    return word if _ms(word) >= 0 else "-"


def _word(value: str) -> str:
    """``value`` as it is where it is plain, else quoted."""
    plain = value.isascii() and all(sign.isalnum() or sign in "._:-~<>[]" for sign in value)
    return value if plain and value else _quoted(value)


def _quoted(value: str) -> str:
    clean = "".join(sign if sign.isprintable() else "?" for sign in value[:MOST_PATH])
    escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
