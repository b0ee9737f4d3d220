"""Codes of authenticator apps."""

import base64

import pytest

from bbws_access.cli import totp


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_examples_of_the_standard(moment: int, code: str) -> None:
    """RFC 6238, appendix B, the last six of its eight digits."""
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert totp.code(secret, moment) == code


def test_a_secret_may_come_without_padding_and_in_lower_case() -> None:
    secret = base64.b32encode(b"sixteen bytes ok").decode()
    assert totp.code(secret.rstrip("=").lower(), 59) == totp.code(secret, 59)
