"""Path, query and body of a request, checked against the contract."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Collection
from math import isinf

from bbws_access.kernel.contract import Operation, Parameter, chosen_ids
from bbws_access.kernel.errors import BadRequest, TooLarge
from bbws_access.kernel.formats import Formats
from bbws_access.kernel.ids import is_valid_id
from bbws_access.kernel.violations import NO_VALUE, violation
from bbws_access.service.refusals import MOST, TYPES, violations_of

LARGEST_BODY = 64 * 1024
_FORBIDDEN = frozenset("*?/\\$%{}#'\"" + "".join(map(chr, range(33))))  # whatever pattern the contract sets
_JSON = ("application/json", "text/json")
_TRUTH = {"true": True, "false": False}


class Validators:
    """Compiled schemas of one operation. `reserved`: words of other APIs' paths, which no chosen id may be."""

    def __init__(self, operation: Operation, reserved: Collection[str] = ()) -> None:
        # The Rust library validates a body in microseconds; it is needed by services only.
        from jsonschema_rs import Draft202012Validator

        def compiled(schema: dict) -> tuple[Draft202012Validator, dict]:
            # Masked: what a value shows of itself is decided in one place, kernel/violations.py.
            return Draft202012Validator(schema, validate_formats=True, mask="the value"), schema

        self._body = compiled(operation.body_schema) if operation.body_schema is not None else None
        each = operation.each_schema
        self._each = None if each is None else (compiled(each), Formats(each, chosen_ids(), reserved))
        # What is checked one by one is stored as that check says.
        self._body_formats = Formats((operation.body_schema or {}) if each is None else {}, chosen_ids(), reserved)
        self._body_required = operation.body_required
        self._wanted = ", ".join((operation.body_schema or {}).get("required", ()))
        self._path = [(p, compiled(p.schema)) for p in operation.parameters if p.location == "path"]
        self._query = {
            p.name: (p, compiled(p.schema), Formats(p.schema)) for p in operation.parameters if p.location == "query"
        }

    def path(self, values: dict) -> dict[str, str]:
        violations = []
        for parameter, validator in self._path:
            value = values.get(parameter.name)
            field = f"path.{parameter.name}"
            shown = NO_VALUE if parameter.schema.get("format") == "password" else value
            if not isinstance(value, str) or not value.isascii() or _FORBIDDEN.intersection(value):
                violations.append(
                    violation(field, "characters", "holds a character that no identifier may hold", shown)
                )
            elif "pattern" not in parameter.schema and not is_valid_id(value):
                message = "must be 1 to 64 lower-case letters and digits, single hyphens between them"
                violations.append(violation(field, "pattern", message, shown))
            else:
                violations += violations_of(field, *validator, value)
        _raise(violations, "The path is not valid.")
        return {parameter.name: values[parameter.name] for parameter, _ in self._path}

    def query(self, event: dict) -> dict[str, object]:
        given = event.get("multiValueQueryStringParameters")
        if given is None:
            given = {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}
        violations = [
            violation(f"query.{name[:64]}", "additionalProperties", self._no_parameter())
            for name in given
            if name not in self._query
        ][:MOST]
        values: dict[str, object] = {}
        for name, (parameter, validator, formats) in self._query.items():
            texts = given.get(name)
            field = f"query.{name}"
            if not texts:
                if parameter.required:
                    violations.append(violation(field, "required", "is required"))
                elif "default" in parameter.schema:
                    values[name] = parameter.schema["default"]
                continue
            value = _typed(parameter, texts)
            if value is _NOT_TYPED:
                wanted = TYPES[parameter.schema.get("type", "string")]
                violations.append(violation(field, "type", f"must be given once, as {wanted}", texts[0]))
                continue
            values[name], found = _checked(field, validator, formats, value)
            violations += found
        _raise(violations, "The query is not valid.")
        return values

    def _no_parameter(self) -> str:
        known = ", ".join(self._query)
        return f"is not a parameter of this operation; {f'there are {known}' if known else 'it has none'}"

    def body(self, event: dict) -> dict:
        raw = event.get("body") or ""
        if len(raw) > LARGEST_BODY * 2:  # base64 is a third longer than what it carries
            raise _too_large()
        if self._body is None:
            return {}
        if event.get("isBase64Encoded"):
            try:
                data = b64decode(raw, validate=True)
            except ValueError:
                raise BadRequest(
                    "The body is not valid base64.", details=[violation("body", "base64", "must be base64")]
                ) from None
        else:
            data = raw.encode("utf-8", "surrogatepass")
        if len(data) > LARGEST_BODY:
            raise _too_large()
        if not data.strip():
            if self._body_required:
                raise BadRequest(
                    "The request needs a JSON body.",
                    details=[violation("body", "required", f"is required: a JSON object with {self._wanted}")],
                )
            return {}
        try:
            body = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
            if b"\\ud" in data.lower():
                json.dumps(body, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no character
        except (ValueError, RecursionError) as error:
            raise BadRequest("The body is not valid JSON.", details=_not_json(error, event)) from None
        try:
            body, violations = _checked("body", self._body, self._body_formats, body)
        except ValueError:  # nested deeper than the validator goes, and than any schema of ours
            violations = [violation("body", "depth", "is nested too deeply")]
        _raise(violations, "The body is not valid.")
        return body

    def each(self, field: str, value: object) -> dict:
        """One item of a list whose items have results of their own, as it is stored. Raises BadRequest."""
        found, violations = _checked(field, *self._each, value)
        _raise(violations, "The item is not valid.")
        return found


_NOT_TYPED = object()


def _typed(parameter: Parameter, texts: list[str]) -> object:
    kind = parameter.schema.get("type", "string")
    if kind == "array":
        return [part for text in texts for part in text.split(",")]
    if len(texts) != 1:
        return _NOT_TYPED
    text = texts[0]
    if kind == "integer":
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else _NOT_TYPED
    if kind == "boolean":
        return _TRUTH.get(text, _NOT_TYPED)
    return text


def _checked(field: str, validator: tuple, formats: Formats, value: object) -> tuple[object, list[dict]]:
    """The value as it is stored, and what is wrong with it: as it came, and as it is then."""
    violations = violations_of(field, *validator, value)
    if violations:
        return value, violations
    stored, refused = formats.apply(value, field)
    if refused or stored == value:
        return stored, refused
    return stored, violations_of(field, *validator, stored)


def _not_json(error: Exception, event: dict) -> list[dict]:
    """Where a body stops to be JSON, and what its sender called it if that is something else."""
    message = "must be one JSON document"
    if isinstance(error, json.JSONDecodeError):
        message += f"; line {error.lineno}, column {error.colno}: {error.msg}"
    found = [violation("body", "json", message)]
    headers = event.get("headers") or {}
    named = next((value for name, value in headers.items() if str(name).lower() == "content-type"), None)
    media_type = str(named or "").partition(";")[0].strip().lower()
    if media_type and media_type not in _JSON:
        # Names of media types are as long as secrets, and none.
        entry = violation("header.Content-Type", "mediaType", "must be application/json")
        found.append({**entry, "value": media_type[:40]})
    return found


def _raise(violations: list[dict], message: str) -> None:
    if violations:
        raise BadRequest(message, details=violations)


def _too_large() -> TooLarge:
    message = f"must have at most {LARGEST_BODY // 1024} KB"
    return TooLarge(f"The body {message}.", details=[violation("body", "maxLength", message)])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"{text} is too large")  # the validator would take it for null
    return number
