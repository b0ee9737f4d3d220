"""Reads Terraform's language just far enough to say on which line something stands: blocks, arguments, literals.

A lexer of its own, because the parser that gives values gives no lines for them, and takes seconds for the whole tree.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
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
class Part:
    """An argument or a block, as it stands in a block: only at that block's own level, and in no text or comment."""

    name: str
    labels: tuple[str, ...]
    line: int
    text: str
    """An argument's expression, or what stands between a block's braces."""
    is_block: bool

    @cached_property
    def plain(self) -> str:
        """The text in one line, whatever its layout: equal for what `terraform fmt` would write alike."""
        return _one_line(self.text)

    @cached_property
    def parts(self) -> tuple["Part", ...]:
        """What a block holds; an argument holds none."""
        return tuple(_parts(self.text, self.line)) if self.is_block else ()

    def blocks(self, name: str) -> list["Part"]:
        """The blocks in it that are called so."""
        return [part for part in self.parts if part.is_block and part.name == name]

    def argument(self, name: str) -> "Part | None":
        """The argument in it that is called so."""
        return next((part for part in self.parts if not part.is_block and part.name == name), None)

    def says(self, name: str, expression: str) -> bool:
        """Whether it sets an argument to exactly this expression."""
        found = self.argument(name)
        return found is not None and found.plain == expression

    @property
    def elements(self) -> list[tuple[str, int]]:
        """What an argument lists, each with its line; of one that is no list, itself."""
        text = self.text.strip()
        if not (text.startswith("[") and text.endswith("]")):
            return [(self.plain, self.line)]
        start = self.text.index("[") + 1
        found, begin, at = [], start, start
        end = self.text.rindex("]")
        while at <= end:
            if at == end or self.text[at] == ",":
                piece = self.text[begin:at]
                if piece.strip():
                    before = self.text[: begin + len(piece) - len(piece.lstrip())]
                    found.append((_one_line(piece), self.line + before.count("\n")))
                begin = at = at + 1
            else:
                at = _after(self.text, at)
        return found


@dataclass(frozen=True)
class Block:
    """A block at the top of a file."""

    kind: str
    labels: tuple[str, ...]
    line: int
    text: str
    """What stands between its braces, line for line, with blanks where comments are."""

    @cached_property
    def body(self) -> Part:
        """Its arguments and blocks, to be asked for by name: what is sought in `text` may stand in a string there."""
        return Part(self.kind, self.labels, self.line, self.text, is_block=True)

    @property
    def arguments(self) -> dict[str, int]:
        """The line of each argument at the block's own level."""
        return {part.name: part.line for part in self.body.parts if not part.is_block}


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


def _after(text: str, at: int) -> int:
    """The place after what begins at `at`: a string, a heredoc, something in brackets, or a character."""
    if text[at] == '"':
        return _after_string(text, at)
    if found := _HEREDOC.match(text, at):
        end = re.compile(rf"^[ \t]*{re.escape(found[1])}[ \t]*$", re.MULTILINE).search(text, found.end())
        return end.end() if end else len(text)
    if text[at] in "{([":
        at += 1
        while at < len(text) and text[at] not in "})]":
            at = _after(text, at)
    return at + 1


def _after_string(text: str, at: int) -> int:
    at += 1
    while at < len(text) and text[at] != '"':
        if text[at] == "\\":
            at += 2
        elif text.startswith(("$${", "%%{"), at):
            at += 3
        elif text.startswith(("${", "%{"), at):
            at = _after(text, at + 1)
        else:
            at += 1
    return at + 1


def _one_line(text: str) -> str:
    """An expression without the layout that means nothing; strings and heredocs stay as they are."""
    found, at = "", 0
    while at < len(text):
        end = _after(text, at) if text[at] == '"' or _HEREDOC.match(text, at) else at + 1
        piece = text[at:end]
        if piece.isspace():
            found += "" if found.endswith((" ", "(", "[")) or not found else " "
        else:
            if piece in (")", "]", ","):
                # A list may end in a comma, and begin on a line of its own.
                found = found.rstrip() if piece == "," else found.rstrip().removesuffix(",")
            found += piece
        at = end
    return found.strip()


_PART = re.compile(r'\s*(?:([A-Za-z_][\w-]*)|"([^"\n]*)")((?:[ \t]+(?:"[^"\n]*"|[A-Za-z_][\w-]*))*)[ \t]*(=(?!=)|\{)')


def _parts(text: str, line: int) -> Iterator[Part]:
    """The arguments and blocks of a block's text, in which comments are blanks."""
    at = 0
    while found := _PART.match(text, at):
        name, start = found[1] or found[2], found.end()
        begins = line + text.count("\n", 0, found.start(1) if found[1] else found.start(2))
        if found[4] == "{":
            at = _after(text, start - 1)
            labels = tuple(a or b for a, b in re.findall(r'"([^"]*)"|([A-Za-z_][\w-]*)', found[3]))
            yield Part(name, labels, begins, text[start : at - 1], is_block=True)
        else:
            at = start
            while at < len(text) and text[at] != "\n":
                at = _after(text, at)
            yield Part(name, (), begins, text[start:at].strip(), is_block=False)


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = text
        """The text with blanks in place of comments."""
        self.at = 0
        self.line = 1
        self.literals: list[Literal] = []
        self.blocks: list[Block] = []
        self.open: list[str] = []
        self.current = ""
        """What stands on the line so far, without comments."""
        self._started: tuple[str, tuple[str, ...], int, int] | None = None

    def run(self) -> None:
        while self.at < len(self.text):
            rest = self.text[self.at]
            if rest == "#" or self.text.startswith("//", self.at):
                end = self.text.find("\n", self.at)
                self._comment(len(self.text) if end < 0 else end)
            elif self.text.startswith("/*", self.at):
                end = self.text.find("*/", self.at)
                end = len(self.text) if end < 0 else end + 2
                self.line += self.text.count("\n", self.at, end)
                self._comment(end)
            elif rest == '"':
                self._string()
            elif found := _HEREDOC.match(self.text, self.at):
                self._heredoc(found)
            else:
                self._character(rest)
                self.at += 1

    def _comment(self, end: int) -> None:
        blank = re.sub(r"[^\n]", " ", self.text[self.at : end])
        self.plain = self.plain[: self.at] + blank + self.plain[end:]
        self.at = end

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
        self.open.append(self._name() or character)
        self.current = ""

    def _leave(self) -> None:
        if self.open:
            self.open.pop()
        self.current = "x"
        if not self.open and self._started:
            kind, labels, line, start = self._started
            self.blocks.append(Block(kind, labels, line, self.plain[start + 1 : self.at]))
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
