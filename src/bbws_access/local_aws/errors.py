"""The one error of the local AWS."""


class LocalAwsError(Exception):
    """Something the user can act on; the message says what happened and what to do."""
