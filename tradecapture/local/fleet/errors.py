"""The errors that stop a local fleet from starting, in words for its user."""


class LocalFleetError(RuntimeError):
    """The fleet could not start. The message says what happened, what is safe and what to do."""


class LocalSetupError(LocalFleetError):
    """The data folder, a port or an option does not allow a start; another choice would."""
