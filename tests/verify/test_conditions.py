"""Each condition on the stack's inputs is held by a native test: weakened, one of them fails.

A condition changes no plan of what it lets through, so no other net sees it. A test of a wrong value that two
conditions refuse holds neither.
"""

from pathlib import Path

from bbws_access.cli.project import Project
from bbws_access.verify.hcl import read_blocks
from bbws_access.verify.runner import Deadline, Runner


def test_every_condition_on_the_stacks_inputs_is_tested(project: Project, tmp_path: Path) -> None:
    folder = project.stack / "inputs"
    path = folder / "variables.tf"
    text = path.read_text(encoding="utf-8")
    conditions = [
        (block.labels[0], condition.text)
        for block in read_blocks(path)
        for validation in block.body.blocks("validation")
        if (condition := validation.argument("condition"))
    ]
    assert len(conditions) > 20
    runner, deadline = Runner(project, 1), Deadline(600)

    def passes() -> bool:
        return runner.terraform(folder, tmp_path, deadline, "test", "-json").status == 0

    assert runner.terraform(folder, tmp_path, deadline, "init", "-backend=false", "-input=false").status == 0
    assert passes()
    unheld = []
    for name, condition in conditions:
        assert text.count(condition) == 1, condition
        # A condition must name its variable, so it stays, and decides nothing.
        path.write_text(text.replace(condition, f'length("x") == 1 || ({condition})'), encoding="utf-8")
        if passes():
            unheld.append(f"{name}: {condition}")
    assert unheld == []
