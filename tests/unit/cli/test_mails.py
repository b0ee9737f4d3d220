"""What `bbws-access mail` shows of a mail."""

from bbws_access.cli.mails import readable
from bbws_access.local_aws import Mail
from tests.support.deployment import ROOT


def _mail(text: str, html: str) -> Mail:
    return Mail("a@b.example", "c@d.example", "Subject", text, html)


def test_the_text_is_shown_as_it_is() -> None:
    assert readable(_mail("One\n\n  Two\n", "<p>Other</p>")) == "One\n\n  Two\n"
    assert readable(_mail("", "")) == ""


def test_of_a_mail_of_html_alone_what_a_reader_sees_is_shown() -> None:
    html = """<html><head><title>Unseen</title><style>p { color: red }</style></head><body>
    <table><tr><td>Address</td><td>a@b.example</td></tr><tr><td>Password</td><td>&lt;x&gt; y</td></tr></table>
    <p>Sign in
    <a href="https://p.example/?a=1&amp;b=2">here</a>, once.</p></body></html>"""
    assert readable(_mail("", html)) == (
        "Address a@b.example\nPassword <x> y\n\nSign in here (https://p.example/?a=1&b=2), once."
    )


def test_the_accounts_first_mail_shows_address_and_password() -> None:
    html = (ROOT / "contract" / "mail" / "account.html").read_text(encoding="utf-8")
    shown = readable(_mail(" ", html)).splitlines()
    assert shown[0] == "Your account for BBWS Access Management"
    assert {"Address {username}", "Password {####}"} <= set(shown)
    assert not [line for line in shown if "<" in line or "style" in line]
