"""Commands to give as advice: each can be pasted as it stands, whatever folder the reader is in."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

NAME = "bbws-access"
# Commands that take the environment as an argument; the others take it as an option, and DEV where none is named.
DEPLOYING = ("apply", "bootstrap", "destroy", "drift", "plan")
BY_ARGUMENT = (*DEPLOYING, "cost", "seed")


def command(*words: str) -> str:
    """A call of this tool, in the shell's words."""
    return f"{this_tool()} {shlex.join(words)}".rstrip()


def about(name: str, environment: str, arguments: Iterable[str] = (), options: Iterable[str] = ()) -> str:
    """A call of the command ``name`` on an environment; ``name`` may be two words, such as ``org create``."""
    words = [*name.split()]
    if name in BY_ARGUMENT:
        return command(*words, environment, *arguments, *options)
    named = () if environment == "dev" else ("--environment", environment)
    return command(*words, *arguments, *named, *options)


def this_tool() -> str:
    """How the user can call this tool again: by its name only where the PATH leads to this very one."""
    called = Path(os.path.abspath(sys.argv[0]))  # noqa: PTH100 - a link on the PATH is a name, so it is not resolved
    if called.name == NAME:
        found = shutil.which(NAME)
        if found and Path(found).resolve() == called.resolve():
            return NAME
        if called.is_file():
            return shlex.quote(str(called))
    beside = Path(sys.executable).with_name(NAME)
    if beside.is_file():
        return shlex.quote(str(beside))
    return f"{shlex.quote(sys.executable)} -m bbws_access.commands"
