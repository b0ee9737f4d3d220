"""What can go wrong while packaging."""


class PackagingError(Exception):
    """A package could not be made. The message says what is wrong, the hint what to do about it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
