"""Which requests to Temporal UI pass, for whom. Decided on the raw path: ids of cases contain encoded slashes.

Temporal UI reads by GET and writes by everything else, with one exception: queries are POSTs, and current details,
the Queries tab and the call stack need them. So the read-only role is GET, HEAD and POST of a query.
"""

from __future__ import annotations

import re
from enum import Enum
from urllib.parse import quote, unquote, urlsplit

from api.temporal_ui.staff import StaffIdentity

PREFIX = "/temporal"
LOGIN = "/staff/login"

_QUERY = re.compile(rb"/temporal/api/v1/namespaces/[^/]+/workflows/[^/]+/query/[^/]+")
_STATIC = re.compile(rb"/temporal/_app/[A-Za-z0-9._/-]+")
_OPENED = re.compile(r"/temporal/namespaces/[^/]+/workflows/(?P<workflow>[^/]+)(?:/(?P<run>[^/]+))?")
_READ = frozenset({"GET", "HEAD"})


class Verdict(Enum):
    """What to do with a request."""

    FORWARD = "forward"
    CHECK_PAYLOADS = "check payloads"
    LOG_IN = "log in"
    REFUSE = "refuse"
    MALFORMED = "malformed"


def judge(method: str, raw_path: bytes, staff: StaffIdentity | None, fetch_site: str | None) -> Verdict:
    """The rule of the whole proxy.

    Args:
        method: of HTTP.
        raw_path: as it came over the wire, without the query.
        staff: who is logged in.
        fetch_site: the browser's Sec-Fetch-Site, if it sent one.
    """
    if escapes(raw_path):
        return Verdict.MALFORMED
    if is_static(method, raw_path):
        return Verdict.FORWARD
    if staff is None:
        return Verdict.LOG_IN
    if not staff.may_read:
        return Verdict.REFUSE
    if method in _READ:
        return Verdict.FORWARD
    if fetch_site not in (None, "same-origin"):
        return Verdict.REFUSE
    query = method == "POST" and _QUERY.fullmatch(raw_path)
    return Verdict.CHECK_PAYLOADS if staff.may_write or query else Verdict.REFUSE


def is_static(method: str, raw_path: bytes) -> bool:
    """Program text of the UI: the same for everybody, needs no log-in; most of a page's requests are these."""
    return method in _READ and _STATIC.fullmatch(raw_path) is not None and not escapes(raw_path)


def escapes(raw_path: bytes) -> bool:
    """Whether a path could mean another one to the server behind: dot segments, backslashes, controls, at any
    depth of encoding (the UI itself encodes some ids twice)."""
    text = unquote_fully(raw_path.decode("latin-1"))
    return any(part in (".", "..") for part in text.split("/")) or any(c == "\\" or ord(c) < 0x20 for c in text)


def unquote_fully(text: str) -> str:
    """Percent-decoding until nothing changes, a few times at most; what is still encoded then stays so."""
    for _ in range(4):
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    return text


def opened_case(referer: str | None) -> tuple[str | None, str | None]:
    """Workflow and run id of the page that asks, from its Referer.

    >>> opened_case("https://x/temporal/namespaces/nesie/workflows/application%252F17/4c1b/history?a=1")
    ('application/17', '4c1b')
    >>> opened_case("https://x/temporal/namespaces/nesie/workflows")
    (None, None)
    """
    found = _OPENED.match(urlsplit(referer or "").path)
    if not found:
        return None, None
    run = found["run"]
    return unquote_fully(found["workflow"]), unquote_fully(run) if run else None


def safe_return(target: str | None, host: str) -> str:
    """Where to go after the log-in: a place under /temporal of this very host, else its start.

    >>> safe_return("http://h:1/temporal/namespaces?q=1", "h:1"), safe_return("//evil/temporal", "h:1")
    ('/temporal/namespaces?q=1', '/temporal')
    """
    if not target or any(ord(c) <= 0x20 or c == "\\" for c in target):
        return PREFIX
    try:
        parts = urlsplit(target)
    except ValueError:
        return PREFIX
    ours = parts.netloc in ("", host) and parts.scheme in ("", "http", "https")
    inside = parts.path == PREFIX or parts.path.startswith(PREFIX + "/")
    if not ours or not inside or escapes(parts.path.encode()):
        return PREFIX
    return parts.path + (f"?{parts.query}" if parts.query else "")


def login_url(target: str) -> str:
    """The log-in page, to come back to the target."""
    return f"{LOGIN}?next={quote(target, safe='')}"
