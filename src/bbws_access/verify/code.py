"""What stands in the code and in no plan of a first apply: outputs, providers, the backend, moves, what is overlooked.

A plan of an empty state says nothing of an output that is known only after an apply, of what Terraform moves, forgets
or imports, of what it ignores later, or of which provider makes a thing. Two texts that mean the same are the same
here, whatever their layout and comments.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bbws_access.cli.project import Project
from bbws_access.verify.hcl import Block, Part, read_blocks

KEPT = {
    "resource": {"provider", "provisioner", "connection"},
    "data": {"provider"},
    "module": {"source", "version", "providers"},
    # What an environment of one's own gets that does not give it.
    "variable": {"type", "default", "nullable", "sensitive", "ephemeral"},
    "locals": set(),
}
"""What is kept of blocks that plans show the rest of; every other kind of block is kept whole."""
# Conditions change no plan of what they let through; the native tests hold them. A description says nothing to AWS.
NOT_KEPT = {"precondition", "postcondition", "validation", "description"}

Texts = dict[str, str]


@dataclass(frozen=True)
class Written:
    """What a block says, by argument, of what no plan shows; of `locals`, those that such arguments take."""

    texts: Texts
    places: dict[str, tuple[str, int]]
    """The file and the line of each."""


def unplanned(project: Project) -> dict[str, Written]:
    """All of it below terraform/stack and terraform/modules, each by folder, kind and name of its block."""
    found: dict[str, Written] = {}
    of_one_name: Counter[str] = Counter()
    paths = sorted(
        path
        for top in (project.stack, project.modules)
        for path in top.rglob("*.tf")
        if not {".terraform", "tests"} & set(path.parts)
    )
    for folder in dict.fromkeys(path.parent for path in paths):
        here = folder.relative_to(project.root / "terraform").as_posix()
        blocks = [
            (path.relative_to(project.root).as_posix(), block)
            for path in paths
            if path.parent == folder
            for block in read_blocks(path)
        ]
        local = locals_of(block for _, block in blocks)
        taken: Texts = {}
        for file, block in blocks:
            texts: Texts = {}
            places: dict[str, tuple[str, int]] = {}
            for part in _parts(block):
                # Of blocks there may be several, in an order that counts.
                name, text = " ".join((part.name, *part.labels)), f"{{ {part.plain} }}" if part.is_block else part.plain
                texts[name] = f"{texts[name]} {text}" if name in texts else text
                places.setdefault(name, (file, part.line))
            if not texts:
                continue
            key = f"{here}: {_name(block)}"
            # Terraform refuses two of one name, but for `terraform` itself and what overrides another.
            of_one_name[key] += 1
            number = of_one_name[key]
            found[key if number == 1 else f"{key} #{number}"] = Written(dict(sorted(texts.items())), places)
            for text in texts.values():
                taken |= resolved(text, local)
        if taken:
            places = {
                name: (file, line)
                for file, block in blocks
                if block.kind == "locals"
                for name, line in block.arguments.items()
            }
            found[f"{here}: locals"] = Written(dict(sorted(taken.items())), places)
    return found


def _name(block: Block) -> str:
    """What to call a block that has no name of its own, too."""
    own = {"provider": "alias", "moved": "from", "removed": "from", "import": "to"}.get(block.kind, "")
    argument = block.body.argument(own)
    return " ".join((block.kind, *block.labels, *([argument.plain.strip('"')] if argument else [])))


def locals_of(blocks: Iterable[Block]) -> Texts:
    """The expression of each local value."""
    return {part.name: part.plain for block in blocks if block.kind == "locals" for part in block.body.parts}


def resolved(text: str, local: Texts) -> Texts:
    """The local values that an expression takes, at once or by others."""
    found: Texts = {}
    waiting = [text]
    while waiting:
        for name in re.findall(r"\blocal\.([A-Za-z_][\w-]*)", waiting.pop()):
            if name in local and name not in found:
                found[name] = local[name]
                waiting.append(local[name])
    return found


def _parts(block: Block) -> Iterator[Part]:
    kept = KEPT.get(block.kind)
    yield from (part for part in block.body.parts if part.name not in NOT_KEPT and (kept is None or part.name in kept))
    if kept is not None:
        for lifecycle in block.body.blocks("lifecycle"):
            yield from (part for part in lifecycle.parts if part.name not in NOT_KEPT)
