"""The part of Velocity that an API Gateway mapping template of ours may use.

`#set`, `#if`/`#elseif`/`#else`/`#end`, comments, references with properties, `.contains(..)`, `.get(..)`,
`$input.params(..)`, texts, whole numbers, lists, `==`, `!=`, `!`, `&&` and `||`. Anything else is a `TemplateError`,
so that a template is never half understood.
"""

import json
import re
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"]|"")*"|'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<operator>==|!=|&&|\|\||[!()\[\],.])"""
    r"""|(?P<reference>\$!?\{?[A-Za-z_][\w-]*)|(?P<word>[A-Za-z_][\w-]*)|(?P<brace>\}))"""
)
_DIRECTIVE = re.compile(r"#(set|if|elseif)\s*\(|#(else|end)\b|#\{(else|end)\}|##[^\n]*\n?|#\*.*?\*#", re.S)
_REFERENCE = re.compile(r"\$!?\{?[A-Za-z_]")


class TemplateError(Exception):
    """The template uses what this part of Velocity does not know."""


class Params:
    """`$input`: the parameters of a request; a header's name counts in any case."""

    def __init__(self, *sources: dict[str, str]):
        self._values = {name: value for source in reversed(sources) for name, value in source.items()}
        self._lower = {name.lower(): value for name, value in self._values.items()}

    def params(self, name: str) -> str:
        """The value of a path, query or header parameter, empty without it."""
        return self._values.get(name, self._lower.get(name.lower(), ""))


def render(template: str, names: dict[str, Any]) -> str:
    """Render `template`; `names` holds what `$input`, `$context` and others mean, and takes what `#set` sets."""
    output, end, closing = _Renderer(template, names).block(0, active=True)
    if closing is not None or end != len(template):
        raise TemplateError(f"unexpected #{closing}")
    return output


class _Renderer:
    def __init__(self, template: str, names: dict[str, Any]):
        self._template = template
        self._names = names

    def block(self, position: int, *, active: bool) -> tuple[str, int, str | None]:
        """Render up to the directive that closes this block; returns text, position after it, and its name."""
        template, output = self._template, []
        while position < len(template):
            directive = _DIRECTIVE.match(template, position)
            if directive is not None:
                position = directive.end()
                name = directive[1] or directive[2] or directive[3]
                if name in ("else", "elseif", "end"):
                    return "".join(output), position, name
                if name == "set":
                    position = self._set(position, active=active)
                elif name == "if":
                    text, position = self._if(position, active=active)
                    output.append(text)
            elif _REFERENCE.match(template, position):
                expression = _Expression(template, position, self._names)
                value = expression.reference()
                output.append(_text(value))
                position = expression.position
            else:
                output.append(template[position])
                position += 1
        return "".join(output), position, None

    def _set(self, position: int, *, active: bool) -> int:
        expression = _Expression(self._template, position, self._names)
        path = expression.path()
        expression.expect_assignment()
        value = expression.any_of()
        expression.expect(")")
        if active and value is not None:
            target = self._names
            for name in path[:-1]:
                target = target.setdefault(name, {})
            target[path[-1]] = value
        return expression.position

    def _if(self, position: int, *, active: bool) -> tuple[str, int]:
        output, taken, name = "", False, "if"
        while name != "end":
            chosen = active and not taken
            if name in ("if", "elseif"):
                expression = _Expression(self._template, position, self._names)
                chosen = _truth(expression.any_of()) and chosen
                expression.expect(")")
                position = expression.position
            text, position, closing = self.block(position, active=chosen)
            if closing is None:
                raise TemplateError("#if without #end")
            if chosen:
                output, taken = text, True
            name = closing
        return output, position


class _Expression:
    def __init__(self, template: str, position: int, names: dict[str, Any]):
        self._template = template
        self.position = position
        self._names = names

    def _peek(self) -> tuple[str, str, int]:
        token = _TOKEN.match(self._template, self.position)
        if token is None:
            return "", "", self.position
        return token.lastgroup or "", token[token.lastgroup or 0], token.end()

    def _take(self, value: str) -> bool:
        _, found, end = self._peek()
        if found != value:
            return False
        self.position = end
        return True

    def expect(self, value: str) -> None:
        if not self._take(value):
            raise TemplateError(f"expected {value} at {self._template[self.position : self.position + 20]!r}")

    def expect_assignment(self) -> None:
        match = re.compile(r"\s*=(?!=)").match(self._template, self.position)
        if match is None:
            raise TemplateError("#set without =")
        self.position = match.end()

    def path(self) -> list[str]:
        """The names of a reference that is assigned to."""
        kind, value, end = self._peek()
        if kind != "reference":
            raise TemplateError("#set of something that is no reference")
        braced = "{" in value
        self.position = end
        path = [value.lstrip("$!{")]
        while self._template.startswith(".", self.position):
            self.position += 1
            kind, value, end = self._peek()
            if kind != "word":
                raise TemplateError("a property's name is missing")
            path.append(value)
            self.position = end
        if braced:
            self.expect("}")
        return path

    def any_of(self) -> Any:
        value = self._all_of()
        while self._take("||"):
            value = [_truth(value), _truth(self._all_of())] != [False, False]
        return value

    def _all_of(self) -> Any:
        value = self._equality()
        while self._take("&&"):
            value = [_truth(value), _truth(self._equality())] == [True, True]
        return value

    def _equality(self) -> Any:
        value = self._unary()
        while True:
            if self._take("=="):
                value = value == self._unary()
            elif self._take("!="):
                value = value != self._unary()
            else:
                return value

    def _unary(self) -> Any:
        if self._take("!"):
            return not _truth(self._unary())
        if self._take("("):
            value = self.any_of()
            self.expect(")")
            return value
        if self._take("["):
            return self._items("]")
        kind, value, end = self._peek()
        if kind == "reference":
            return self.reference()
        if kind == "text":
            self.position = end
            inner = value[1:-1].replace(value[0] * 2, value[0])
            return render(inner, self._names) if value[0] == '"' else inner
        if kind == "number":
            self.position = end
            return int(value)
        if kind == "word" and value in ("true", "false"):
            self.position = end
            return value == "true"
        raise TemplateError(f"cannot read {self._template[self.position : self.position + 20]!r}")

    def _items(self, closing: str) -> list[Any]:
        items: list[Any] = []
        if self._take(closing):
            return items
        while True:
            items.append(self.any_of())
            if self._take(closing):
                return items
            self.expect(",")

    def reference(self) -> Any:
        _, value, self.position = self._peek()
        braced = "{" in value
        node = self._names.get(value.lstrip("$!{"))
        while re.compile(r"\.[A-Za-z_]").match(self._template, self.position):
            self.position += 1
            _, name, self.position = self._peek()
            if self._template.startswith("(", self.position):
                self.position += 1
                node = _call(node, name, self._items(")"))
            else:
                node = node.get(name) if isinstance(node, dict) else None
        if braced:
            self.expect("}")
        return node


def _call(node: Any, name: str, arguments: list[Any]) -> Any:
    if isinstance(node, Params) and name == "params" and len(arguments) == 1:
        return node.params(str(arguments[0]))
    if isinstance(node, list | str) and name == "contains" and len(arguments) == 1:
        return arguments[0] in node
    if isinstance(node, dict) and name == "get" and len(arguments) == 1:
        return node.get(arguments[0])
    raise TemplateError(f"cannot call {name}")


def _truth(value: Any) -> bool:
    return value is not None and value is not False


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
