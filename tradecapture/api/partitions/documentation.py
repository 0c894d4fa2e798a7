"""The OpenAPI operations of partitions: to list them, to show one, and to act on one."""

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
from tradecapture.api.partitions.bodies import (
    ActionRequestBody,
    ActionResultBody,
    PartitionPageBody,
)
from tradecapture.operations import MAX_PARTITIONS, MAX_WAITING, PARTITION_ACTIONS, Action
from tradecapture.operations.views import PartitionDetailBody
from tradecapture.trades.partition import PARTITION_KEY_LENGTH

DEFAULT_PAGE_SIZE = 100  # partitions
DEFAULT_WAITING = 20  # waiting trades in a partition's detail

_BOOLEAN = Schema(type=OpenAPIType.BOOLEAN)
_KEY = in_path(
    "key",
    "account_book_security, percent-encoded; in an id ~1 stands for an underscore, ~0 for a tilde",
)
_UNKNOWN = "no trade of this partition was ever accepted"

PARTITION_PAGE = operation(
    "The state of partitions",
    {
        "200": answer(
            "a page of partitions, in the order of their keys; the partitions of the lanes in "
            "`lanesOutOfReach` are left out",
            PartitionPageBody,
        ),
        **problems(_400="a parameter or a header is not valid", _503=UNREACHABLE),
    },
    [
        in_query("held", "true: only held partitions; false: only the others", _BOOLEAN),
        in_query(
            "limit",
            f"partitions a page; default {DEFAULT_PAGE_SIZE}. With `held`, or while lanes are out "
            "of reach, a page may have fewer",
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
    "One partition: its state, the trades that wait in it, and what operators did to it",
    {
        "200": answer("the partition in detail", PartitionDetailBody),
        **problems(_400="a parameter or a header is not valid", _404=_UNKNOWN, _503=UNREACHABLE),
    },
    [
        _KEY,
        in_query(
            "waiting",
            f"how many waiting trades to show, from the head on; default {DEFAULT_WAITING}",
            Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=MAX_WAITING),
        ),
    ],
    tag="partitions",
)
_SUMMARIES = {
    Action.PAUSE: "Capture no more trades of a partition; trades are still accepted",
    Action.RESUME: "End a pause",
    Action.RETRY: "Capture the parked trade that halts a partition, at its own position",
    Action.SKIP: "Leave the trade at the head parked, and go on with the next one",
    Action.RELEASE: "Wait no longer for missing upstream numbers",
}


def action_paths() -> dict[str, PathItem]:
    """Return the addresses of the actions, each with its documentation."""
    return {
        f"{BASE}{PARTITIONS}/{{key}}/{action}": PathItem(post=_documented(action))
        for action in PARTITION_ACTIONS
    }


def _documented(action: Action) -> Operation:
    described = operation(
        _SUMMARIES[action],
        {
            "200": answer(
                "done, and kept in the audit; of a dry run, what the result would be",
                ActionResultBody,
            ),
            **problems(
                _400="not valid: every problem at once, each with its path; nothing was done",
                _404=_UNKNOWN,
                _409="not possible in its state; says why; the audit keeps a failed retry",
                _413="the body is too large",
                _415="not JSON",
                _503="the ledger or Redis is out of reach; the same request again does the rest",
            ),
        },
        [_KEY, in_query("dryRun", "only say what the result would be, as in the body", _BOOLEAN)],
        RequestBody({JSON: OpenAPIMediaType(schema(ActionRequestBody))}, required=True),
        "partitions",
    )()
    described.operation_id = f"{action}Partition"
    described.description = _SUMMARIES[action] + "."
    return described
