"""An API that dies after it has appended trades to their inboxes and before it rings.

Its ASGI factory is `tests.support.faults.programs.dying_api:create_app`. Otherwise it is the
product's API.
"""

import os
import signal
from collections.abc import Sequence

from tradecapture.api.app import create_app
from tradecapture.capture.bell import Bell

__all__ = ["create_app"]


def _die(_self: Bell, lanes: Sequence[int]) -> None:
    if lanes:
        os.kill(os.getpid(), signal.SIGKILL)


Bell.ring = _die  # type: ignore[assignment, method-assign]  # the fault this program injects
