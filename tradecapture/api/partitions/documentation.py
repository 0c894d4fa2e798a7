"""The documentation of partitions: what OpenAPI says of looking at them and acting on them."""

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    PathItem,
    RequestBody,
    Schema,
)

from tradecapture.api.http.media_types import JSON
from tradecapture.api.http.paths import BASE, PARTITIONS
from tradecapture.api.openapi.components import (
    UNREACHABLE,
    answer,
    in_path,
    in_query,
    operation,
    problems,
    schema,
)
from tradecapture.operations import MAX_PARTITIONS, MAX_WAITING
from tradecapture.operations.action import ACTIONS, Action
from tradecapture.trades.partition import PARTITION_KEY_LENGTH

PAGE_SIZE = 100  # partitions a page, if the request does not say
WAITING = 20  # trades that are shown of a partition, if the request does not say

_TRUTH = Schema(type=OpenAPIType.BOOLEAN)
_KEY = in_path(
    "key",
    "account_book_security, percent-encoded; in an id ~1 stands for an underscore, ~0 for a tilde",
)
_UNKNOWN = "no trade of this partition was ever accepted"

PARTITION_PAGE = operation(
    "How partitions stand",
    {
        "200": answer(
            "a page of partitions, in the order of their keys; `lanesOutOfReach` has the lanes "
            "whose partitions are left out",
            "PartitionPageBody",
        ),
        **problems(_400="a parameter or a header is not sound", _503=UNREACHABLE),
    },
    [
        in_query("held", "only those that are held, or only those that are not", _TRUTH),
        in_query(
            "limit",
            f"partitions a page; default {PAGE_SIZE}. With `held`, or while lanes are out of "
            "reach, a page may have fewer",
            Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MAX_PARTITIONS),
        ),
        in_query(
            "cursor",
            "the `nextCursor` of the page before",
            Schema(type=OpenAPIType.STRING, max_length=PARTITION_KEY_LENGTH),
        ),
    ],
    tag="partitions",
)
PARTITION = operation(
    "How a partition stands, what waits in it, and what operators did to it",
    {
        "200": answer("the partition from close by", "PartitionDetailBody"),
        **problems(_400="a parameter or a header is not sound", _404=_UNKNOWN, _503=UNREACHABLE),
    },
    [
        _KEY,
        in_query(
            "waiting",
            f"trades to show of those that wait, from the head on; default {WAITING}",
            Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=MAX_WAITING),
        ),
    ],
    tag="partitions",
)
_SUMMARIES = {
    Action.PAUSE: "Capture nothing more of a partition; accepting goes on",
    Action.RESUME: "End a pause",
    Action.RETRY: "Capture the parked trade that halts a partition, in its own place",
    Action.SKIP: "Leave the trade at the head parked, and go on behind it",
    Action.RELEASE: "Wait no longer for upstream's missing numbers",
}


def action_paths() -> dict[str, PathItem]:
    """Return the addresses of the actions, each with its documentation."""
    return {
        f"{BASE}{PARTITIONS}/{{key}}/{action}": PathItem(post=_documented(action))
        for action in ACTIONS
    }


def _documented(action: Action) -> Operation:
    described = operation(
        _SUMMARIES[action],
        {
            "200": answer(
                "done, or what would come of it; audited in the ledger", "ActionResultBody"
            ),
            **problems(
                _400="not valid: every problem at once, each with its path; nothing was done",
                _404=_UNKNOWN,
                _409="not possible as the partition stands; says why; a failed retry is audited",
                _413="the body is too large",
                _415="not JSON",
                _503="the ledger or Redis is out of reach; the same again does what is left of it",
            ),
        },
        [_KEY, in_query("dryRun", "only say what would come of it, as in the body", _TRUTH)],
        RequestBody({JSON: OpenAPIMediaType(schema("ActionRequestBody"))}, required=True),
        "partitions",
    )()
    described.operation_id = f"{action}Partition"
    described.description = _SUMMARIES[action] + "."
    return described
