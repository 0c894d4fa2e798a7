"""The paths that more than one module uses."""

BASE = "/api/v1"
CAPTURE = "/trades/capture"  # below the base
JOB_STATUS = BASE + "/trades/jobs/{}/status"  # with the job id
PARTITIONS = "/partitions"  # below the base
