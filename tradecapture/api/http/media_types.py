"""The media types of requests and responses."""

from collections.abc import Iterable

from tradecapture.api.http.problem import ProblemError

JSON = "application/json"
NDJSON = "application/x-ndjson"


def require_media_type(raw_headers: Iterable[tuple[bytes, bytes]], *accepted: str) -> str:
    """Return the media type of a request's body, without its parameters.

    Raises:
        ProblemError: 415, the media type is not an accepted one.
    """
    content_type = dict(raw_headers).get(b"content-type", b"").decode("latin-1")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in accepted:
        raise ProblemError(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            f"Content-Type is {media_type or 'missing'}: send {' or '.join(accepted)}",
        )
    return media_type
