"""documentation."""

from tradecapture.api.openapi.components import answer, operation, problems

HEALTH = operation(
    "Health, with each server and the connection pool",
    {
        "200": answer("UP", "HealthBody"),
        "503": answer("DOWN", "HealthBody"),
        **problems(_400="a header is not sound"),
    },
    tag="management",
)


BACKLOG = operation(
    "What waits, and how many partitions workers could capture at the same time",
    {
        "200": answer(
            "what waits now, in the lanes that are in reach; `lanesOutOfReach` has the others",
            "BacklogBody",
        ),
        **problems(_400="a header is not sound", _503="no lane is in reach; ask again"),
    },
    tag="management",
)


LIVENESS = operation(
    "Whether this process serves; it looks at nothing else",
    {
        "200": answer("UP, always", "ManagementHealthBody"),
        **problems(_400="a header is not sound"),
    },
    tag="management",
)


READINESS = operation(
    "Whether trades can be accepted now: Redis can be written; the database is not looked at",
    {
        "200": answer("UP", "ManagementHealthBody"),
        "503": answer("DOWN", "ManagementHealthBody"),
        **problems(_400="a header is not sound"),
    },
    tag="management",
)


MANAGEMENT_HEALTH = operation(
    "Health, for load balancers",
    {
        "200": answer("UP", "ManagementHealthBody"),
        "503": answer("DOWN", "ManagementHealthBody"),
        **problems(_400="a header is not sound"),
    },
    tag="management",
)
