"""The OpenAPI documentation of the backlog and of health."""

from tradecapture.api.management.bodies import BacklogBody, HealthBody, ManagementHealthBody
from tradecapture.api.openapi.components import INVALID_HEADER, answer, operation, problems

HEALTH = operation(
    "Health, with each server and the connection pool",
    {
        "200": answer("UP", HealthBody),
        "503": answer("DOWN", HealthBody),
        **problems(_400=INVALID_HEADER),
    },
    tag="management",
)
BACKLOG = operation(
    "What waits, and how many partitions workers could capture at the same time",
    {
        "200": answer(
            "what waits now in the lanes that could be read; `lanesOutOfReach` has the other lanes",
            BacklogBody,
        ),
        **problems(_400=INVALID_HEADER, _503="no lane could be read; ask again"),
    },
    tag="management",
)
LIVENESS = operation(
    "Whether this process serves requests; no server is asked",
    {
        "200": answer("UP, always", ManagementHealthBody),
        **problems(_400=INVALID_HEADER),
    },
    tag="management",
)
READINESS = operation(
    "Whether trades can be accepted now: Redis can be written. The database is not asked",
    {
        "200": answer("UP", ManagementHealthBody),
        "503": answer("DOWN", ManagementHealthBody),
        **problems(_400=INVALID_HEADER),
    },
    tag="management",
)
MANAGEMENT_HEALTH = operation(
    "Health, for load balancers",
    {
        "200": answer("UP", ManagementHealthBody),
        "503": answer("DOWN", ManagementHealthBody),
        **problems(_400=INVALID_HEADER),
    },
    tag="management",
)
