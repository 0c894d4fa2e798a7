"""An API that dies between append and bell: its trades are in their inboxes, and nobody rings.

ASGI factory `tests.support.faults.programs.dying_api:create_app`; the product's own but for that.
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


Bell.ring = _die  # type: ignore[assignment, method-assign]  # that is its point
