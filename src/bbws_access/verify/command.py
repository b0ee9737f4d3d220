"""`bbws-access verify`."""

import json
from pathlib import Path

from bbws_access.cli.console import err, note, out, seconds, step
from bbws_access.cli.errors import FAILURE, InterruptedByUserError, ToolError
from bbws_access.cli.project import find_project
from bbws_access.verify import engine, show
from bbws_access.verify.engine import Options, output_folder, verify
from bbws_access.verify.junit import junit


def run(options: Options, json_: str | None, junit_: Path | None) -> int:
    """Verify and show it; the exit code. With `json_` "-" the report goes to standard output, and nothing else."""
    project = find_project()
    try:
        report = verify(project, options, show.watch(err))
    except KeyboardInterrupt:
        raise InterruptedByUserError("Interrupted; every Terraform that was running has been ended.") from None
    text = json.dumps(report.to_json(), indent=1) + "\n"
    show.result(report, err if json_ == "-" else out)
    if json_ == "-":
        out.out(text, end="", highlight=False)
    elif json_:
        _write(Path(json_), text, "--json")
    if junit_:
        _write(junit_, junit(report), "--junit")
    folder = output_folder(project, options)
    if (folder / "index.html").is_file():
        note(f"{folder / 'summary.md'} and {folder / 'index.html'} say more.")
    verdict = "[green]✓[/green] Everything holds" if report.passed else "[red]✗[/red] Not everything holds"
    err.print(f"{verdict}. [dim]{seconds(report.seconds)}[/dim]")
    return 0 if report.passed else FAILURE


def accept(options: Options) -> None:
    """Make what is planned now the inventory that plans are held to."""
    project = find_project()
    with step("Inventory") as current:
        current.say("planning")
        path = engine.accept(project, options)
        current.result = f"{path.relative_to(project.root)}; read its difference before you commit it"


def _write(path: Path, text: str, option: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ToolError(f"{option} {path}: {error.strerror}.", "Name a file that can be written.") from error
