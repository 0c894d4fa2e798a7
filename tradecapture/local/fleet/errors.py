"""What can stop a local fleet from starting, in words for the person who starts it."""


class LocalFleetError(RuntimeError):
    """The fleet could not start. The message says what happened, what is safe and what to do."""


class LocalSetupError(LocalFleetError):
    """The folder, the ports or the options do not allow a start; another choice would."""
