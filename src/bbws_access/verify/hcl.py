"""Reads Terraform's language just far enough to say on which line something stands: blocks, arguments, literals.

A lexer of its own, because the parser that gives values gives no lines for them, and takes seconds for the whole tree.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_HEADER = re.compile(r'([A-Za-z_][\w-]*)((?:\s+(?:"[^"]*"|[A-Za-z_][\w-]*))*)\s*$')
_ARGUMENT = re.compile(r'(?:^|[,({\[])\s*"?([A-Za-z_][\w.-]*)"?\s*(?:=(?![=>])|:(?!:))\s*[^=]*$')
_HEREDOC = re.compile(r"<<-?\s*([A-Za-z_][\w-]*)\n")


@dataclass(frozen=True)
class Literal:
    """The fixed part of a string: `within` are the blocks and arguments around it, the outermost first."""

    text: str
    line: int
    within: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A block at the top of a file."""

    kind: str
    labels: tuple[str, ...]
    line: int
    text: str
    arguments: dict[str, int]
    """The line of each argument at the block's own level."""


@dataclass(frozen=True)
class _Read:
    literals: tuple[Literal, ...]
    blocks: tuple[Block, ...]


def read_literals(path: Path) -> tuple[Literal, ...]:
    """The strings of a file, comments left out."""
    return _read(path.read_text(encoding="utf-8")).literals


def read_blocks(path: Path) -> tuple[Block, ...]:
    """The blocks at the top of a file."""
    return _read(path.read_text(encoding="utf-8")).blocks


@lru_cache(maxsize=1024)
def _read(text: str) -> _Read:
    lexer = _Lexer(text)
    lexer.run()
    return _Read(tuple(lexer.literals), tuple(lexer.blocks))


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.literals: list[Literal] = []
        self.blocks: list[Block] = []
        self.open: list[str] = []
        self.current = ""
        """What stands on the line so far, without comments."""
        self._started: tuple[str, tuple[str, ...], int, int] | None = None
        self._arguments: dict[str, int] = {}

    def run(self) -> None:
        while self.at < len(self.text):
            rest = self.text[self.at]
            if rest == "#" or self.text.startswith("//", self.at):
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text.startswith("/*", self.at):
                end = self.text.find("*/", self.at)
                end = len(self.text) if end < 0 else end + 2
                self.line += self.text.count("\n", self.at, end)
                self.at = end
            elif rest == '"':
                self._string()
            elif found := _HEREDOC.match(self.text, self.at):
                self._heredoc(found)
            else:
                self._character(rest)
                self.at += 1

    def _character(self, character: str) -> None:
        if character == "\n":
            self.line += 1
            if not self.open or self.open[-1] not in "([":
                self.current = ""
            else:
                self.current += " "
            return
        if character in "{([":
            self._enter(character)
        elif character in "})]":
            self._leave()
        else:
            self.current += character
            if character == "=" and len(self.open) == 1:
                found = re.match(r'\s*"?([A-Za-z_][\w-]*)"?\s*=$', self.current)
                if found:
                    self._arguments.setdefault(found[1], self.line)

    def _name(self) -> str:
        """What the argument or block being written is called."""
        found = _ARGUMENT.search(self.current)
        if found:
            return found[1]
        header = _HEADER.match(self.current.strip())
        return header[1] if header else ""

    def _enter(self, character: str) -> None:
        header = _HEADER.match(self.current.strip())
        if character == "{" and not self.open and header:
            labels = tuple(re.findall(r'"([^"]*)"|\b([A-Za-z_][\w-]*)', header[2]))
            self._started = (header[1], tuple(a or b for a, b in labels), self.line, self.at)
            self._arguments = {}
        self.open.append(self._name() or character)
        self.current = ""

    def _leave(self) -> None:
        if self.open:
            self.open.pop()
        self.current = "x"
        if not self.open and self._started:
            kind, labels, line, start = self._started
            self.blocks.append(Block(kind, labels, line, self.text[start + 1 : self.at], self._arguments))
            self._started = None

    def _string(self) -> None:
        """A quoted string; what is interpolated is read as an expression of its own."""
        line, fixed = self.line, ""
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] not in '"\n':
            if self.text[self.at] == "\\":
                fixed += self.text[self.at : self.at + 2]
                self.at += 2
            elif self.text.startswith(("${", "%{"), self.at) and not self.text.startswith(("$${", "%%{"), self.at):
                self._interpolation()
                fixed += "\0"
            elif self.text.startswith(("$${", "%%{"), self.at):
                fixed += self.text[self.at + 1 : self.at + 3]
                self.at += 3
            else:
                fixed += self.text[self.at]
                self.at += 1
        self.at += 1
        self._add(fixed, line)
        self.current += f'"{fixed}"' if not self.open else '""' if self._name() else f'"{fixed}"'

    def _heredoc(self, found: re.Match[str]) -> None:
        line = self.line
        end = re.compile(rf"^\s*{re.escape(found[1])}\s*$", re.MULTILINE).search(self.text, found.end())
        stop = end.start() if end else len(self.text)
        self.line += 1
        self.at = found.end()
        for number, row in enumerate(self.text[found.end() : stop].splitlines()):
            self._add(re.sub(r"[$%]\{[^}]*\}", "\0", row), line + 1 + number)
        self.line += self.text.count("\n", found.end(), end.end() if end else len(self.text))
        self.at = end.end() if end else len(self.text)

    def _interpolation(self) -> None:
        self.at += 2
        depth, kept = 1, self.current
        while self.at < len(self.text) and depth:
            character = self.text[self.at]
            if character == '"':
                self._string()
                continue
            if character == "\n":
                self.line += 1
            depth += {"{": 1, "}": -1}.get(character, 0)
            self.at += 1
        self.current = kept

    def _add(self, text: str, line: int) -> None:
        if text:
            name = self._name()
            self.literals.append(Literal(text.replace("\0", "…"), line, (*self.open, *([name] if name else []))))
