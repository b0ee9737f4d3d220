"""Path, query and body of a request, checked against the contract."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Collection

from bbws_access.kernel.contract import Operation, Parameter, chosen_ids
from bbws_access.kernel.errors import BadRequest, TooLarge
from bbws_access.kernel.formats import Formats
from bbws_access.kernel.ids import is_valid_id

LARGEST_BODY = 64 * 1024
_MOST_VIOLATIONS = 50
_FORBIDDEN = frozenset("*?/\\$%{}#'\"" + "".join(map(chr, range(33))))  # whatever pattern the contract sets
_TRUTH = {"true": True, "false": False}


class Validators:
    """Compiled schemas of one operation. `reserved`: words of other APIs' paths, which no chosen id may be."""

    def __init__(self, operation: Operation, reserved: Collection[str] = ()) -> None:
        # The Rust library validates a body in microseconds; it is needed by services only.
        from jsonschema_rs import Draft202012Validator

        def compiled(schema: dict) -> Draft202012Validator:
            # Masked: a refused value may be a secret, and the message goes to logs and callers.
            return Draft202012Validator(schema, validate_formats=True, mask="the value")

        self._body = compiled(operation.body_schema) if operation.body_schema is not None else None
        each = operation.each_schema
        self._each = None if each is None else (compiled(each), Formats(each, chosen_ids(), reserved))
        # What is checked one by one is stored as that check says.
        self._body_formats = Formats((operation.body_schema or {}) if each is None else {}, chosen_ids(), reserved)
        self._body_required = operation.body_required
        self._path = [(p, compiled(p.schema)) for p in operation.parameters if p.location == "path"]
        self._query = {
            p.name: (p, compiled(p.schema), Formats(p.schema)) for p in operation.parameters if p.location == "query"
        }

    def path(self, values: dict) -> dict[str, str]:
        violations = []
        for parameter, validator in self._path:
            value = values.get(parameter.name)
            field = f"path.{parameter.name}"
            if not isinstance(value, str) or not value.isascii() or _FORBIDDEN.intersection(value):
                violations.append(_violation(field, "holds a character that no identifier may hold"))
            elif "pattern" not in parameter.schema and not is_valid_id(value):
                violations.append(
                    _violation(field, "must be 1 to 64 lower-case letters and digits, single hyphens between them")
                )
            else:
                violations += _violations(field, validator, value)
        _raise(violations, "The path is not valid.")
        return {parameter.name: values[parameter.name] for parameter, _ in self._path}

    def query(self, event: dict) -> dict[str, object]:
        given = event.get("multiValueQueryStringParameters")
        if given is None:
            given = {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}
        violations = [
            _violation(f"query.{name[:64]}", "is not a parameter of this operation")
            for name in given
            if name not in self._query
        ]
        values: dict[str, object] = {}
        for name, (parameter, validator, formats) in self._query.items():
            texts = given.get(name)
            field = f"query.{name}"
            if not texts:
                if parameter.required:
                    violations.append(_violation(field, "is required"))
                elif "default" in parameter.schema:
                    values[name] = parameter.schema["default"]
                continue
            value = _typed(parameter, texts)
            if value is _NOT_TYPED:
                violations.append(_violation(field, f"must be given once, as {parameter.schema.get('type', 'text')}"))
                continue
            values[name], found = _checked(field, validator, formats, value)
            violations += found
        _raise(violations, "The query is not valid.")
        return values

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
                raise BadRequest("The body is not valid base64.") from None
        else:
            data = raw.encode("utf-8", "surrogatepass")
        if len(data) > LARGEST_BODY:
            raise _too_large()
        if not data.strip():
            if self._body_required:
                raise BadRequest("The request needs a JSON body.", details=[_violation("body", "is required")])
            return {}
        try:
            body = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
            if b"\\ud" in data.lower():
                json.dumps(body, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no character
        except (ValueError, RecursionError):
            raise BadRequest(
                "The body is not valid JSON.", details=[_violation("body", "must be one JSON document")]
            ) from None
        try:
            body, violations = _checked("body", self._body, self._body_formats, body)
        except ValueError:  # nested deeper than the validator goes, and than any schema of ours
            violations = [_violation("body", "is nested too deeply")]
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


def _checked(field: str, validator, formats: Formats, value: object) -> tuple[object, list[dict[str, str]]]:
    """The value as it is stored, and what is wrong with it: as it came, and as it is then."""
    violations = _violations(field, validator, value)
    if violations:
        return value, violations
    stored, refused = formats.apply(value, field)
    if refused or stored == value:
        return stored, [_violation(*one) for one in refused]
    return stored, _violations(field, validator, stored)


def _violations(field: str, validator, value: object) -> list[dict[str, str]]:
    found = []
    for error in validator.iter_errors(value):
        path = ".".join([field, *(str(part)[:64] for part in error.instance_path)])
        found.append(_violation(path, error.message[:300]))
        if len(found) == _MOST_VIOLATIONS:
            break
    return found


def _violation(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}


def _raise(violations: list[dict[str, str]], message: str) -> None:
    if violations:
        raise BadRequest(message, details=violations)


def _too_large() -> TooLarge:
    return TooLarge(f"The body is too large. At most {LARGEST_BODY // 1024} KB are accepted.")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
