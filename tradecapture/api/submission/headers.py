"""The headers of a submission: read and checked, every problem at once."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from tradecapture.api.http.bodies import FieldProblem
from tradecapture.trades.submission import CALLBACK_URL_LENGTH
from tradecapture.trades.trade import TRADE_ID_LENGTH

# Longer than a capture on a healthy system; proxies often give up after 60.
MAX_WAIT_SECONDS = 30


class SubmissionHeaders(NamedTuple):
    """The headers that a client may send with a trade."""

    idempotency_key: str
    callback_url: str
    wait_seconds: int  # how long the response may wait for the trade's outcome; 0: not at all
    problems: list[FieldProblem]


def read_headers(raw_headers: Iterable[tuple[bytes, bytes]]) -> SubmissionHeaders:
    """Read the headers of a request; of a header that is given twice, the last value counts."""
    headers = {name: value.decode("latin-1").strip() for name, value in raw_headers}
    problems: list[FieldProblem] = []
    key = headers.get(b"idempotency-key")
    if key is not None and not _is_idempotency_key(key):
        problems.append(
            FieldProblem(
                "Idempotency-Key", f"give 1 to {TRADE_ID_LENGTH} printable ASCII characters"
            )
        )
    callback_url = headers.get(b"x-callback-url")
    if callback_url is not None and not _is_callback_url(callback_url):
        problems.append(
            FieldProblem(
                "X-Callback-Url",
                f"give an http or https URL of at most {CALLBACK_URL_LENGTH} characters",
            )
        )
    return SubmissionHeaders(key or "", callback_url or "", _wait_seconds(headers), problems)


def _is_idempotency_key(text: str) -> bool:
    return 0 < len(text) <= TRADE_ID_LENGTH and text.isascii() and text.isprintable()


def _is_callback_url(text: str) -> bool:
    # Whether this service may call the address is checked at the time of the call: that is when
    # the host name is resolved, and the result may change until then.
    if len(text) > CALLBACK_URL_LENGTH or not (text.isascii() and text.isprintable()):
        return False
    try:
        url = urlsplit(text)
        port = url.port  # raises if it is not a number below 65,536
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname) and port != 0 and " " not in text


def _wait_seconds(headers: Mapping[bytes, str]) -> int:
    """Return N of `Prefer: wait=N`. A preference that is not understood is ignored (RFC 7240)."""
    for preference in headers.get(b"prefer", "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        value = value.strip().strip('"')
        if name.strip().lower() == "wait" and value.isascii() and value.isdigit():
            return min(int(value[:9]), MAX_WAIT_SECONDS)
    return 0
