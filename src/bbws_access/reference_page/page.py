"""Renders the contract as HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from string import Template

from bbws_access.kernel.contract import METHODS, Contract, base_paths, resolve
from bbws_access.kernel.paging import DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE
from bbws_access.service.validation import LARGEST_BODY

_PARTS = Path(__file__).parent
_TOPICS = {
    "signing-in": ("Signing in", "token authorization bearer curl cognito"),
    "paging": ("Paging", "pagesize startat moreavailable cursor invalid_cursor"),
    "versions": ("Versions and 409", "version_conflict name_taken role_in_use conflict concurrency"),
    "limits": ("Limits", "429 too_many_requests rate_limited limit_reached retry-after throttle quota"),
    "errors": ("Errors", "code message details requestid field rule value validation_error status"),
    "idempotency": ("Sending a request again", "retry twice already_assigned invitation_pending"),
}
_CALLS = {"curl": "curl", "python": "Python", "tool": "bbws-access"}
_HEADING = {"200": "OK", "201": "Created", "202": "Accepted", "204": "No content"}


def render(contract: Contract) -> str:
    """The whole page."""
    document = contract.document
    info = document["info"]
    by_tag: dict[str, list[tuple[str, str, dict, list]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                by_tag[item[method]["tags"][0]].append((method, path, item[method], item.get("parameters", [])))
    sections = "".join(
        f'<section id="{_slug(tag["name"])}"><h2>{escape(tag["name"])}</h2>'
        f'<p class="lead">{_text(tag["description"])}</p>'
        + "".join(_operation(document, *one) for one in by_tag[tag["name"]])
        + "</section>"
        for tag in document["tags"]
    )
    count = sum(map(len, by_tag.values()))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{_part('page.css')}</style></head><body>"
        f'<a class="skip" href="#content">To the operations</a>'
        f'<header><div><h1>{escape(info["title"])} API</h1><p class="lead">{_text(info["description"])}</p>'
        f'<p class="facts">Version {escape(info["version"])} · {count} operations · '
        f"base path <code>{escape(base_paths(document)[0])}</code></p></div></header>"
        f'<div class="columns"><nav aria-label="Operations"><label for="filter">Find</label>'
        f'<input id="filter" type="search" placeholder="Path, field, permission, error" autocomplete="off">'
        f"<details open><summary>Operations</summary>{_topics()}{_contents(document, by_tag)}"
        '<p id="none" hidden>Nothing fits.</p></details></nav>'
        f'<main id="content">{_introduction(document)}{sections}</main></div>'
        f"<script>{_part('page.js')}</script></body></html>\n"
    )


def _introduction(document: dict) -> str:
    error = document["components"]["responses"]["BadBody"]["content"]["application/json"]["example"]
    return Template(_part("introduction.html")).substitute(
        page=DEFAULT_PAGE_SIZE,
        largest=LARGEST_PAGE_SIZE,
        body=LARGEST_BODY // 1024,
        error=escape(json.dumps(error, indent=2, ensure_ascii=False)),
    )


def _topics() -> str:
    return (
        '<div class="group"><a class="tag" href="#introduction">Before the first call</a><ul>'
        + "".join(
            f'<li data-words="{title.lower()} {name} {escape(words)}"><a class="topic" href="#{name}">{title}</a></li>'
            for name, (title, words) in _TOPICS.items()
        )
        + "</ul></div>"
    )


def _words(document: dict, path: str, raw: dict, shared: list[dict]) -> str:
    """What an operation is found by: all that it says of itself, its fields, who may call it and its errors."""
    found = [path, raw["operationId"], raw["summary"], raw["description"]]
    found += [resolve(document, one)["name"] for one in [*shared, *raw.get("parameters", [])]]
    if isinstance(raw["x-bbws-access"], list):
        found += [value for rule in raw["x-bbws-access"] for value in rule.values()]
    found += raw.get("x-bbws-access-also", ())
    schemas = [resolve(document, raw["requestBody"])["content"]] if "requestBody" in raw else []
    for status, response in raw["responses"].items():
        response = resolve(document, response)
        found.append(status if status.startswith("2") else f"{status} {_codes(document, response)}")
        found.append(response["description"])
        schemas += [response.get("content", {})] if status.startswith("2") else []
    for content in schemas:
        for one in content.values():
            found += [re.sub("<.*", "", name) for name, _, _ in _properties(document, one["schema"])]
    return " ".join(" ".join(found).lower().split())


def _contents(document: dict, by_tag: dict[str, list]) -> str:
    return "".join(
        f'<div class="group"><a class="tag" href="#{_slug(tag)}">{escape(tag)}</a><ul>'
        + "".join(
            f'<li data-method="{method}" data-words="{escape(_words(document, path, raw, shared))}">'
            f'<a href="#{raw["operationId"]}">{_badge(method)}<span>{escape(raw["summary"])}</span></a></li>'
            for method, path, raw, shared in operations
        )
        + "</ul></div>"
        for tag, operations in by_tag.items()
        if operations
    )


def _operation(document: dict, method: str, path: str, raw: dict, shared: list[dict]) -> str:
    parameters = [resolve(document, one) for one in [*shared, *raw.get("parameters", [])]]
    body = resolve(document, raw["requestBody"]) if "requestBody" in raw else None
    return (
        f'<article id="{raw["operationId"]}"><h3><a href="#{raw["operationId"]}">{escape(raw["summary"])}</a></h3>'
        f'<p class="route">{_badge(method)}<code>{_breakable(path)}</code></p>'
        f"<p>{_text(raw['description'])}</p>"
        f'<p class="access">{_access(raw["x-bbws-access"], raw.get("x-bbws-access-also", ()))}</p>'
        + _fields("Parameters", [_parameter(document, one) for one in parameters])
        + (_body(document, body) if body else "")
        + _call(method, path, raw["x-bbws-access"], body)
        + _answers(document, raw["responses"])
        + "</article>"
    )


def _access(access: str | list[dict[str, str]], also: Iterable[str] = ()) -> str:
    """Who may call, in words."""
    if access == "public":
        return "<b>Anybody</b> may call it, without signing in."
    if access == "signed-in":
        return "<b>Whoever is signed in</b> and active may call it."
    words = {
        "permission": "holders of <code>{}</code>",
        "self": "the user whom <code>{}</code> names",
        "capability": "members of the team with <code>{}</code>",
    }
    alternatives = [words[kind].format(escape(value)) for rule in access for kind, value in rule.items()]
    said = " or ".join(alternatives)
    if also:
        said += " who also hold " + " and ".join(f"<code>{escape(name)}</code>" for name in also)
    return f"<b>Who may call it:</b> {said}."


def _parameter(document: dict, raw: dict) -> tuple[str, str, str]:
    name = f"{escape(raw['name'])}<small>{'in the path' if raw['in'] == 'path' else escape(raw['in'])}</small>"
    return name, _type(document, raw["schema"]), _text(raw["description"])


def _body(document: dict, body: dict) -> str:
    content = body["content"]["application/json"]
    return _fields("Body", list(_properties(document, content["schema"])))


def _answers(document: dict, responses: dict) -> str:
    parts, errors = [], []
    for status, response in sorted(responses.items()):
        response = resolve(document, response)
        if not status.startswith("2"):
            errors.append((f"{status}", "", _text(_codes(document, response))))
            continue
        heading = f"{status} {_HEADING.get(status, '')}".strip()
        parts.append(f'<h4>Answer: {heading}</h4><p class="muted">{_text(response["description"])}.</p>')
        for kind, content in response.get("content", {}).items():
            example = content.get("example", resolve(document, content["schema"]).get("example"))
            shown = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
            parts.append(f'<pre tabindex="0" aria-label="{escape(kind)}"><code>{escape(shown)}</code></pre>')
            rows = list(_properties(document, content["schema"]))
            if rows:
                parts.append(f"<details><summary>Fields of the answer</summary>{_table(rows)}</details>")
    parts.append(f"<details><summary>Errors ({len(errors)})</summary>{_table(errors)}</details>")
    return "".join(parts)


def _codes(document: dict, response: dict) -> str:
    """What an error's codes mean: the summaries of its examples, or else its description."""
    examples = response["content"]["application/json"].get("examples", {})
    meanings = [f"{code}: {resolve(document, example)['summary']}" for code, example in examples.items()]
    return "; ".join(meanings) or response["description"]


def _call(method: str, path: str, access: object, body: dict | None) -> str:
    """The call in three ways, to paste once the ids in capitals are filled in."""
    path = re.sub(r"\{(\w+)\}", _placeholder, path)
    example = body["content"]["application/json"]["example"] if body else None
    calls = {
        "curl": _curl(method, path, access, example),
        "python": _python(method, path, access, example),
        "tool": _tool(method, path, access, example),
    }
    choices = "".join(
        f'<button type="button" data-call="{kind}" aria-pressed="false">{title}</button>'
        for kind, title in _CALLS.items()
    )
    shown = "".join(
        f'<pre tabindex="0" data-kind="{kind}" aria-label="{_CALLS[kind]}"><code>{escape(text)}</code></pre>'
        for kind, text in calls.items()
    )
    copy = '<button type="button" class="copy">Copy</button>'
    return f'<h4>Call</h4><div class="call"><div class="choices">{choices}{copy}</div>{shown}</div>'


def _placeholder(match: re.Match[str]) -> str:
    return "org-demo" if match[1] == "orgId" else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", match[1]).upper()


def _curl(method: str, path: str, access: object, example: object) -> str:
    certificate = '${AWS_CA_BUNDLE:+--cacert "$AWS_CA_BUNDLE"}'  # of the local AWS; nothing on AWS
    lines = [f'curl {certificate} --request {method.upper()} "$BBWS_ACCESS_API_URL{path}"']
    if access != "public":
        lines.append('--header "Authorization: Bearer $TOKEN"')
    if example is not None:
        lines += ["--header 'Content-Type: application/json'", f"--data {_quoted(example)}"]
    return " \\\n  ".join(lines)


def _python(method: str, path: str, access: object, example: object) -> str:
    arguments = [f'os.environ["BBWS_ACCESS_API_URL"] + "{path}",']
    if access != "public":
        arguments.append('headers={"Authorization": "Bearer " + os.environ["TOKEN"]},')
    if example is not None:
        arguments.append(f"json={example!r},")
    arguments += ['verify=os.environ.get("AWS_CA_BUNDLE", True),', "timeout=30,"]
    call = "\n    ".join([f"answer = requests.{method}(", *arguments])
    return f"import os\n\nimport requests\n\n{call}\n)\nprint(answer.status_code, answer.text)"


def _tool(method: str, path: str, access: object, example: object) -> str:
    command = f"bbws-access api {method.upper()} '{path}'"
    if access == "public":
        command += " --anonymous"
    return command if example is None else f"{command} --data {_quoted(example)}"


def _quoted(example: object) -> str:
    """JSON as one word of a shell."""
    return "'" + json.dumps(example, ensure_ascii=False).replace("'", "'\\''") + "'"


def _properties(document: dict, schema: dict, prefix: str = "", seen: tuple[str, ...] = ()) -> Iterator[tuple]:
    """A row for each field, those of objects and lists of objects below it."""
    reference = schema.get("$ref", "")
    schema = resolve(document, schema)
    if reference in seen:
        return
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        description = field.get("description") or resolve(document, field).get("description", "")
        note = "" if name in required else "<small>optional</small>"
        yield f"{escape(prefix + name)}{note}", _type(document, field), _text(description)
        inner, mark = resolve(document, field), "."
        if inner.get("type") == "array":
            inner, mark = inner["items"], "[]."
        if name != "_links":
            yield from _properties(document, inner, f"{prefix}{name}{mark}", (*seen, reference))


def _type(document: dict, schema: dict) -> str:
    schema = resolve(document, schema)
    kind = schema.get("type", "any")
    if kind == "array":
        inner = resolve(document, schema["items"])
        words = [f"list of {inner.get('type', 'any')}s"]
        schema = {
            **inner,
            **{name: value for name, value in schema.items() if name in ("minItems", "maxItems", "uniqueItems")},
        }
    else:
        words = [schema.get("format", kind)]
    if schema.get("nullable"):
        words.append("or null")
    if "enum" in schema:
        words.append("one of " + ", ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"]))
    for least, most, unit in (
        ("minLength", "maxLength", " characters"),
        ("minimum", "maximum", ""),
        ("minItems", "maxItems", " items"),
    ):
        if least in schema and most in schema:
            size = f"{schema[least]}" if schema[least] == schema[most] else f"{schema[least]} to {schema[most]:,}"
            words.append(size + unit)
        elif most in schema:
            words.append(f"at most {schema[most]:,}{unit}")
        elif least in schema:
            words.append(f"at least {schema[least]:,}{unit}")
    pattern = schema.get("pattern")
    meaning = document.get("x-bbws-patterns", {}).get(pattern)
    if meaning != "any text" and pattern is not None:
        words.append(
            f"{_text(meaning)} (<code>{escape(pattern)}</code>)" if meaning else f"<code>{escape(pattern)}</code>"
        )
    if schema.get("uniqueItems"):
        words.append("no item twice")
    if "default" in schema:
        words.append(f"default <code>{escape(json.dumps(schema['default']))}</code>")
    return ", ".join(words)


def _fields(title: str, rows: list[tuple[str, str, str]]) -> str:
    return f"<h4>{title}</h4>{_table(rows)}" if rows else ""


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    return (
        "<dl>"
        + "".join(
            f"<dt>{name}</dt><dd>{description}{f'<small>{kind}</small>' if kind else ''}</dd>"
            for name, kind, description in rows
        )
        + "</dl>"
    )


def _badge(method: str) -> str:
    return f'<b class="method {method}">{method.upper()}</b>'


def _text(text: str) -> str:
    """Plain words; names in capitals and routes as code."""
    return re.sub(r"\b[A-Z]{2,}_[A-Z_]+\b", lambda match: f"<code>{match[0]}</code>", escape(text))


def _breakable(path: str) -> str:
    return escape(path).replace("/", "<wbr>/")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
