"""The web page: one file that needs nothing else, neither network nor server."""

import base64
import hashlib
import json
from pathlib import Path
from string import Template
from typing import Any

from bbws_access.verify.report import Report

_PARTS = Path(__file__).parent


def page(report: Report) -> str:
    """The page as HTML. The same report gives the same text."""
    style = (_PARTS / "page.css").read_text(encoding="utf-8")
    script = (_PARTS / "page.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    template = Template((_PARTS / "page.html").read_text(encoding="utf-8"))
    return template.substitute(policy=policy, style=style, script=script, report=embedded(report.to_json()))


def embedded(data: Any) -> str:
    """JSON that cannot end the script element that it stands in, whatever its texts say."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _digest(text: str) -> str:
    """What a content security policy calls a text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
