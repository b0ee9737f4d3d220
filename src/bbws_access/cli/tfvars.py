"""The values of an environment, checked against the stack's variables before Terraform runs.

Terraform warns about an unknown variable in a file of values and drops an unknown key of an object in silence, so that
a misspelt name would deploy a default. Here each is an error with its place.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from bbws_access.cli.errors import UsageError

PRIMITIVES = {"string": str, "bool": bool, "number": (int, float)}
COLLECTIONS = ("list", "set", "map")


@dataclass(frozen=True)
class Type:
    """A Terraform type. ``kind`` is a primitive, a collection, object, tuple or any."""

    kind: str
    of: "Type | None" = None
    attributes: "dict[str, tuple[Type, bool]]" = field(default_factory=dict)
    """Of an object: each attribute's type, and whether it must be given."""
    members: "tuple[Type, ...]" = ()

    def __str__(self) -> str:
        if self.of:
            return f"{self.kind}({self.of})"
        return self.kind


@dataclass(frozen=True)
class Variable:
    """A declared input of the stack."""

    name: str
    type: Type
    required: bool
    nullable: bool
    default: Any
    description: str


@dataclass(frozen=True)
class Value:
    """A value and the line it stands on; a dict or list holds further Values."""

    content: Any
    line: int

    @cached_property
    def plain(self) -> Any:
        """The value as Python knows it, without lines."""
        if isinstance(self.content, dict):
            return {key: value.plain for key, value in self.content.items()}
        if isinstance(self.content, list):
            return [value.plain for value in self.content]
        return self.content


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file of values."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Schema:
    """The variables that a Terraform configuration declares."""

    def __init__(self, variables: dict[str, Variable]) -> None:
        self.variables = variables

    @classmethod
    def read(cls, folder: Path) -> "Schema":
        """Read the ``variable`` blocks of the ``.tf`` files in ``folder``. Raises UsageError naming the broken file.

        Where ``folder/inputs`` declares a variable as well, that one has the type.
        """
        variables = {}
        for path in [*sorted(folder.glob("*.tf")), *sorted(folder.glob("inputs/*.tf"))]:
            if "variable" not in path.read_text():
                continue
            for block in _children(_parse(path, path.read_text()), "block"):
                labels = [_name(label) for label in block.children if _is(label, "identifier", "string")]
                if labels[:1] == ["variable"]:
                    variables[labels[1]] = _variable(labels[1], block, path)
        return cls(variables)

    def check(self, path: Path, values: dict[str, Value]) -> list[Problem]:
        """What is wrong with the values that ``path`` gives, in the order of its lines."""
        problems = []
        for name, value in values.items():
            variable = self.variables.get(name)
            if variable is None:
                message = f"there is no variable {name!r}{_suggestion(name, self.variables)}"
                problems.append(Problem(f"{path}:{value.line}", message))
            elif value.content is None and not variable.nullable:
                problems.append(Problem(f"{path}:{value.line}", f"{name} may not be null"))
            else:
                problems += [Problem(f"{path}:{line}", message) for line, message in _check(name, variable.type, value)]
        return problems

    def require(self, name: str, option: str) -> "Variable":
        """The variable of a name. Raises UsageError that says which option named one that is not there."""
        variable = self.variables.get(name)
        if variable is None:
            raise UsageError(f"{option} {name}: there is no variable {name!r}{_suggestion(name, self.variables)}")
        return variable

    def missing(self, given: Iterable[str]) -> list[Variable]:
        """The variables that have no default and no value."""
        known = set(given)
        return [variable for name, variable in self.variables.items() if variable.required and name not in known]


def read_values(path: Path) -> dict[str, Value]:
    """The values in a ``.tfvars`` or ``.json`` file. Raises UsageError with file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(f"The file of values {path} does not exist.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The file of values {path} cannot be read: {error}.") from error
    if path.suffix == ".json":
        return _read_json(path, text)
    values: dict[str, Value] = {}
    body = next(_children(_parse(path, text), "body"))
    for item in body.children:
        if _is(item, "block"):
            raise UsageError(f"{path}:{item.meta.line}: a file of values holds `name = value` lines, and no blocks.")
        if not _is(item, "attribute"):
            continue
        name = _name(item.children[0])
        if name in values:
            raise UsageError(f"{path}:{item.meta.line}: {name} is given twice, first on line {values[name].line}.")
        values[name] = Value(_value(item.children[-1], path).content, item.meta.line)
    return values


def read_argument(schema: Schema, text: str) -> tuple[str, Any]:
    """The name and value of a ``--var name=value`` argument. Raises UsageError."""
    name, equals, given = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise UsageError(f"--var {text!r} is not of the form name=value.")
    variable = schema.require(name, "--var")
    if variable.type.kind in PRIMITIVES and given != "null":
        content: Any = given
        if variable.type.kind == "number" and re.fullmatch(r"-?[0-9]+", given):
            content = int(given)
        elif variable.type.kind == "number" and re.fullmatch(r"-?[0-9]+\.[0-9]+", given):
            content = float(given)
        elif variable.type.kind == "bool" and given in ("true", "false"):
            content = given == "true"
        value = Value(content, 1)
    else:
        value = read_expression(f"--var {name}", given)
    for _, message in _check(name, variable.type, value):
        raise UsageError(f"--var {message}.")
    if value.content is None and not variable.nullable:
        raise UsageError(f"--var {name} may not be null.")
    return name, value.plain


def read_expression(place: str, text: str) -> Value:
    """One value in Terraform's language."""
    body = next(_children(_parse(Path(place), f"value = {text}\n"), "body"))
    return _value(next(_children(body, "attribute")).children[-1], Path(place))


# --- Types -----------------------------------------------------------------------------------------------------------


def _check(where: str, wanted: Type, value: Value) -> Iterator[tuple[int, str]]:
    """Lines and messages of what does not fit."""
    content = value.content
    if wanted.kind == "any" or content is None:
        return
    if wanted.kind in PRIMITIVES:
        yield from _check_primitive(where, wanted, value)
    elif wanted.kind in ("list", "set"):
        if not isinstance(content, list):
            yield value.line, f"{where} must be a list, and is {_describe(content)}"
            return
        for index, member in enumerate(content):
            yield from _check(f"{where}[{index}]", wanted.of, member)
    elif wanted.kind == "tuple":
        if not isinstance(content, list) or len(content) != len(wanted.members):
            yield value.line, f"{where} must be a list of {len(wanted.members)} values"
            return
        for index, member in enumerate(content):
            yield from _check(f"{where}[{index}]", wanted.members[index], member)
    elif not isinstance(content, dict):
        yield (
            value.line,
            f"{where} must be {'a map' if wanted.kind == 'map' else 'an object'}, and is {_describe(content)}",
        )
    elif wanted.kind == "map":
        for key, member in content.items():
            yield from _check(f"{where}[{key!r}]", wanted.of, member)
    else:
        yield from _check_object(where, wanted, value)


def _check_primitive(where: str, wanted: Type, value: Value) -> Iterator[tuple[int, str]]:
    content = value.content
    fits = isinstance(content, PRIMITIVES[wanted.kind]) and (wanted.kind == "bool") == isinstance(content, bool)
    if not fits:
        yield value.line, f"{where} must be a {wanted.kind}, and is {_describe(content)}"


def _check_object(where: str, wanted: Type, value: Value) -> Iterator[tuple[int, str]]:
    for key, member in value.content.items():
        if key in wanted.attributes:
            yield from _check(f"{where}.{key}", wanted.attributes[key][0], member)
        else:
            yield member.line, f"{where} has no key {key!r}{_suggestion(key, wanted.attributes)}"
    for key, (_, required) in wanted.attributes.items():
        if required and key not in value.content:
            yield value.line, f"{where} lacks the key {key!r}"


def _describe(content: Any) -> str:
    if isinstance(content, bool):
        return f"the bool {str(content).lower()}"
    if isinstance(content, str):
        return f"the string {json.dumps(content)}"
    if isinstance(content, list):
        return "a list"
    if isinstance(content, dict):
        return "an object"
    return f"the number {content}"


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else "."


# --- Terraform's language --------------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _tree(text: str) -> Any:
    """What a text says; nobody changes it, so that files that many environments share are parsed once."""
    import hcl2

    return hcl2.parses_to_tree(text)


def _parse(path: Path, text: str) -> Any:
    from lark.exceptions import LarkError, UnexpectedInput

    try:
        return _tree(text if text.endswith("\n") else text + "\n")
    except UnexpectedInput as error:
        raise UsageError(f"{path}:{error.line}: this is not valid Terraform language.") from error
    except LarkError as error:
        raise UsageError(f"{path}: this is not valid Terraform language.") from error


def _is(node: Any, *kinds: str) -> bool:
    return getattr(node, "data", None) in kinds


def _children(node: Any, kind: str) -> Iterator[Any]:
    for child in getattr(node, "children", ()):
        if _is(child, kind):
            yield child
        elif _is(child, "body") and kind != "body":
            yield from _children(child, kind)


def _name(node: Any) -> str:
    """An identifier's or a plain string's text."""
    if _is(node, "expr_term", "object_elem_key"):
        return _name(node.children[0])
    if _is(node, "identifier"):
        return str(node.children[0])
    return _string(node, None)


def _variable(name: str, block: Any, path: Path) -> Variable:
    settings = {_name(item.children[0]): item.children[-1] for item in _children(block, "attribute")}
    default = _value(settings["default"], path).plain if "default" in settings else None
    return Variable(
        name=name,
        type=_type(settings["type"], path) if "type" in settings else Type("any"),
        required="default" not in settings,
        nullable=_value(settings["nullable"], path).plain is not False if "nullable" in settings else True,
        default=default,
        description=_value(settings["description"], path).plain if "description" in settings else "",
    )


def _type(node: Any, path: Path) -> Type:
    while _is(node, "expr_term"):
        node = node.children[0]
    if _is(node, "identifier"):
        return Type(_name(node))
    if not _is(node, "function_call"):
        raise UsageError(f"{path}:{node.meta.line}: this is not a type.")
    kind = _name(node.children[0])
    arguments = [item for item in next(_children(node, "arguments")).children if hasattr(item, "data")]
    if kind in COLLECTIONS:
        return Type(kind, of=_type(arguments[0], path))
    argument = arguments[0]
    while _is(argument, "expr_term"):
        argument = argument.children[0]
    if kind == "tuple":
        return Type(kind, members=tuple(_type(item, path) for item in argument.children if _is(item, "expr_term")))
    attributes = {}
    for element in _children(argument, "object_elem"):
        declared = element.children[-1]
        inner = declared
        while _is(inner, "expr_term"):
            inner = inner.children[0]
        optional = _is(inner, "function_call") and _name(inner.children[0]) == "optional"
        if optional:
            declared = next(item for item in next(_children(inner, "arguments")).children if hasattr(item, "data"))
        attributes[_name(element.children[0])] = (_type(declared, path), not optional)
    return Type(kind, attributes=attributes)


def _value(node: Any, path: Path) -> Value:
    line = node.meta.line
    while _is(node, "expr_term"):
        inner = [child for child in node.children if hasattr(child, "data") and not _is(child, "new_line_or_comment")]
        if len(inner) != 1:
            break
        node = inner[0]
    if _is(node, "int_lit"):
        return Value(int(str(node.children[0])), line)
    if _is(node, "float_lit"):
        return Value(float(str(node.children[0])), line)
    if _is(node, "literal_value"):
        return Value({"true": True, "false": False, "null": None}[str(node.children[0])], line)
    if _is(node, "unary_op") and str(node.children[0]) == "-":
        number = _value(node.children[-1], path).content
        if isinstance(number, int | float):
            return Value(-number, line)
    if _is(node, "string", "heredoc_template", "heredoc_template_trim"):
        return Value(_string(node, path), line)
    if _is(node, "tuple"):
        return Value([_value(item, path) for item in node.children if _is(item, "expr_term", "unary_op")], line)
    if _is(node, "object"):
        return Value(_object(node, path), line)
    raise UsageError(f"{path}:{line}: a file of values holds plain values: strings, numbers, bools, lists and objects.")


def _object(node: Any, path: Path) -> dict[str, Value]:
    content: dict[str, Value] = {}
    for element in _children(node, "object_elem"):
        key = _name(element.children[0])
        if key in content:
            raise UsageError(f"{path}:{element.meta.line}: {key!r} is given twice, first on line {content[key].line}.")
        content[key] = Value(_value(element.children[-1], path).content, element.meta.line)
    return content


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def _string(node: Any, path: Path | None) -> str:
    if not _is(node, "string"):
        lines = str(node.children[0]).rstrip().split("\n")
        body = lines[1:-1]
        if lines[0].startswith("<<-"):
            margin = min((len(line) - len(line.lstrip()) for line in body if line.strip()), default=0)
            body = [line[margin:] for line in body]
        return "".join(f"{line}\n" for line in body)
    parts = []
    for part in _children(node, "string_part"):
        if hasattr(part.children[0], "data"):
            place = f"{path}:{node.meta.line}: " if path else ""
            raise UsageError(f"{place}a file of values may not refer to other values.")
        parts.append(str(part.children[0]))
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), "".join(parts))
    text = re.sub(r'\\([nrt"\\])', lambda match: _ESCAPES[match[1]], text)
    return text.replace("$${", "${").replace("%%{", "%{")


def _read_json(path: Path, text: str) -> dict[str, Value]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path}: this is not valid JSON: {error}.") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: a file of values holds one object.")

    def with_line(content: Any) -> Value:
        if isinstance(content, dict):
            content = {key: with_line(value) for key, value in content.items()}
        elif isinstance(content, list):
            content = [with_line(value) for value in content]
        return Value(content, 1)

    return with_line(document).content
