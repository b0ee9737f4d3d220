"""What stands before a module's inputs, so that a misspelt key is refused instead of dropped.

Terraform converts what a caller gives to the type of the variable, and drops every key that the type does not know; no
validation ever sees it. So whoever calls a module meets variables of type `any`, which see everything and let only
known keys through, and they pass it on to the typed and validated ones in the module's folder `inputs`. That folder's
`variables.tf` is written by hand; `python -m bbws_access.verify.inputs` writes the rest from it.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = "inputs"
# What a module takes from its provider where its caller does not say it; see place.tf in each module.
PLACE = ("region", "account_id")
# Given to the inputs by the module itself.
_INNER = ("partition",)
_CHECK_ACCOUNT = f"""\
variable "check_account" {{
  description = "{
    "Asks AWS whether account_id is the account that the provider works in. "
    "False where the provider itself refuses any other (allowed_account_ids), or has no credentials while planning."
}"
  type = bool
  default = true
  nullable = false
}}
"""
_HEADER = "# Written by `make inputs` from inputs/variables.tf: change that file.\n"
_STRICT = """\
# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
"""
_ARGUMENT = re.compile(r"^  ([a-z_]+)\s*=\s*(.*?)(?=^  [a-z_]+\s*(?:=|\{)|\Z)", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r'^variable "([a-z0-9_]+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_TOKEN = re.compile(r'\s+|#[^\n]*|"(?:[^"\\]|\\.)*"|[A-Za-z_][\w-]*|-?[\d.]+|.')


@dataclass
class Type:
    """A type constraint: `kind` is object, map, list, set, tuple or a primitive's name."""

    kind: str
    attributes: dict[str, "Type"] = field(default_factory=dict)
    element: "Type | None" = None

    @property
    def has_objects(self) -> bool:
        """Whether a key could be misspelt somewhere in it."""
        return self.kind == "object" or (self.element is not None and self.element.has_objects)


@dataclass(frozen=True)
class Variable:
    """An input as its module's inputs/variables.tf declares it; arguments are Terraform's text."""

    name: str
    arguments: dict[str, str]
    type: Type


@dataclass(frozen=True)
class Step:
    """One step towards an object within another: by an attribute's name, or by any key or index without one."""

    attribute: str = ""


@dataclass(frozen=True)
class Place:
    """Where an object stands in an input, and what it may hold."""

    variable: str
    steps: tuple[Step, ...]
    keys: tuple[str, ...]

    @property
    def name(self) -> str:
        """Such as tables.*.global_secondary_indexes.*"""
        return ".".join([self.variable, *(step.attribute or "*" for step in self.steps)])

    def value(self, innermost: object) -> object:
        """An input that holds nothing but the way to this object, and `innermost` as the object."""
        for step in reversed(self.steps):
            innermost = {step.attribute or "some": innermost}
        return innermost


def read_variables(path: Path) -> list[Variable]:
    """The inputs of a file in the project's format, in its order."""
    found = []
    for name, body in _VARIABLE.findall(path.read_text(encoding="utf-8")):
        arguments = {
            key: text.rstrip() for key, text in _ARGUMENT.findall(re.split(r"^  validation \{", body, flags=re.M)[0])
        }
        found.append(Variable(name, arguments, parse_type(arguments["type"])))
    return found


def parse_type(text: str) -> Type:
    """The type that an expression such as map(object({ name = string })) means."""
    tokens = [token for token in _TOKEN.findall(text) if token.strip() and not token.startswith("#")]
    tokens.reverse()
    return _type(tokens)


def _type(tokens: list[str]) -> Type:
    kind = tokens.pop()
    if not tokens or tokens[-1] != "(":
        return Type(kind)
    tokens.pop()
    found = Type(kind)
    if kind == "object":
        tokens.pop()
        while tokens[-1] != "}":
            if tokens[-1] == ",":
                tokens.pop()
                continue
            name, _ = tokens.pop(), tokens.pop()
            found.attributes[name] = _type(tokens)
        tokens.pop()
    else:
        found.element = _type(tokens)
        # The default of optional(type, default).
        depth = 0
        while depth or tokens[-1] != ")":
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(tokens.pop(), 0)
    tokens.pop()
    return found.element if kind == "optional" and found.element else found


def places(variable: Variable) -> Iterator[Place]:
    """Every object in an input, the outermost first."""
    yield from _places(variable.name, variable.type, ())


def _places(name: str, kind: Type, steps: tuple[Step, ...]) -> Iterator[Place]:
    if kind.kind == "object":
        yield Place(name, steps, tuple(kind.attributes))
        for attribute, inner in kind.attributes.items():
            yield from _places(name, inner, (*steps, Step(attribute)))
    elif kind.element is not None:
        yield from _places(name, kind.element, (*steps, Step()))


# --- Writing -----------------------------------------------------------------------------------------


def written(folder: Path) -> dict[Path, str]:
    """The files before a module's inputs, by path, as they should be but for `formatted`."""
    variables = read_variables(folder / FOLDER / "variables.tf")
    facade = [_HEADER]
    if any(variable.type.has_objects for variable in variables):
        facade.append(_STRICT + "locals {\n  known_keys = {\n" + "".join(_known(variables)) + "  }\n}\n")
    placed = (folder / "place.tf").exists()
    for variable in variables:
        if variable.name not in _INNER:
            facade.append(_facade(_from_provider(variable) if placed and variable.name in PLACE else variable))
        if placed and variable.name == PLACE[-1]:
            facade.append(_CHECK_ACCOUNT)
    local = {*PLACE, *_INNER} if placed else set()
    passed = "".join(
        f"  {name} = {'local' if name in local else 'var'}.{name}\n" for name in (one.name for one in variables)
    )
    module = f'{_HEADER}\nmodule "{FOLDER}" {{\n  source = "./{FOLDER}"\n\n{passed}}}\n'
    outputs = [
        f'output "{name}" {{\n  description = "The input {name}, typed and checked."\n  value = var.{name}\n}}\n'
        for variable in variables
        for name in [variable.name]
        if variable.type.has_objects
    ]
    return {
        folder / "variables.tf": "\n".join(facade),
        folder / f"{FOLDER}.tf": module,
        folder / FOLDER / "outputs.tf": "\n".join([_HEADER.replace("inputs/variables.tf", "variables.tf"), *outputs]),
    }


def _known(variables: list[Variable]) -> Iterator[str]:
    for variable in variables:
        for place in places(variable):
            keys = ", ".join(f'"{key}"' for key in place.keys)
            yield f'    "{place.name}" = [{keys}]\n'


def _from_provider(variable: Variable) -> Variable:
    text = variable.arguments["description"].removesuffix('."') + "; null for the provider's.\""
    return Variable(variable.name, {"description": text, "type": "string", "default": "null"}, variable.type)


def _facade(variable: Variable) -> str:
    strict = variable.type.has_objects
    arguments = variable.arguments | ({"type": "any"} if strict else {})
    lines = "".join(f"  {name} = {text}\n" for name, text in arguments.items())
    guard = ""
    if strict:
        unknown = f"flatten({_unknown(f'var.{variable.name}', variable.type, variable.name, variable.name, 0)})"
        guard = f"""
  validation {{
    condition = length({unknown}) == 0
    error_message = "{variable.name} holds keys that mean nothing here: ${{join("; ", {unknown})}}."
  }}
"""
    return f'variable "{variable.name}" {{\n{lines}{guard}}}\n'


def _unknown(expression: str, kind: Type, place: str, shown: str, depth: int) -> str:
    """An expression for a list of what is not known below `expression`, as texts, in lists within lists."""
    if kind.kind == "object":
        known = f'local.known_keys["{place}"]'
        # What begins alike is what was meant; where nothing does, everything is named.
        near = f"[for known in {known} : known if substr(known, 0, 2) == substr(key, 0, 2)]"
        text = f'"{shown}.${{key}} (known: ${{join(", ", coalescelist({near}, {known}, ["none"]))}})"'
        parts = [f"try([for key in keys({expression}) :\n{text}\nif !contains({known}, key)], [])"]
        parts += [
            _unknown(f"{expression}.{name}", inner, f"{place}.{name}", f"{shown}.{name}", depth)
            for name, inner in kind.attributes.items()
            if inner.has_objects
        ]
        return "[\n" + ",\n".join(parts) + "\n]"
    if kind.element is None:
        return "[]"
    key, value = f"key_{depth}", f"value_{depth}"
    inner = _unknown(value, kind.element, f"{place}.*", f"{shown}.${{{key}}}", depth + 1)
    # What is no collection at all is for the type to refuse.
    return f"try([for {key}, {value} in {expression} : {inner}], [])"


def formatted(text: str) -> str:
    """Terraform's own format of a file."""
    command = ["terraform", "fmt", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)  # noqa: S603 - a list of our own, no shell
    return done.stdout


def module_folders(root: Path) -> list[Path]:
    """Every folder below terraform/ with inputs of its own."""
    return sorted(path.parent.parent for path in root.glob(f"terraform/**/{FOLDER}/variables.tf"))


def main(root: Path) -> None:
    """Write what belongs before the inputs of every module."""
    for folder in module_folders(root):
        for path, text in written(folder).items():
            path.write_text(formatted(text), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
