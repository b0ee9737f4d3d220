"""`bbws-access`: the application and how it ends."""

import os
import signal
import sys
import time

import typer
from typer.exceptions import TyperException

from bbws_access.cli.console import show_error
from bbws_access.cli.errors import FAILURE, InterruptedByUserError, ToolError
from bbws_access.cli.project import require_in_place
from bbws_access.commands import bill, environments, failures, local, organisations, people, proof
from bbws_access.commands.options import with_options
from bbws_access.commands.screen import show_first_hour
from bbws_access.local_aws import LocalAwsError
from bbws_access.packaging import PackagingError

EXIT_CODES = (
    "Exit codes: 0 done, 1 failure, 2 wrong usage or values, 3 the local AWS is not running, 4 drift was found, "
    "130 interrupted."
)

app = typer.Typer(
    help=f"Access management on AWS, and an AWS on your own machine to try it on.\n\n{EXIT_CODES}",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def begin(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show_first_hour()
    else:
        require_in_place()


org = typer.Typer(help="Organisations.", no_args_is_help=True)
user = typer.Typer(help="People who sign in.", no_args_is_help=True)
app.add_typer(org, name="org")
app.add_typer(user, name="user")

# In the order of the help.
for command in (
    local.up,
    local.down,
    local.status,
    local.env,
    environments.bootstrap,
    environments.package,
    environments.plan,
    environments.apply,
    environments.destroy,
    proof.verify,
    proof.drift,
    proof.diff,
    bill.cost,
    environments.seed,
    people.token,
    local.mail,
    people.api,
    people.invite,
    people.review,
    local.doctor,
):
    app.command()(with_options(command))
org.command("list")(with_options(organisations.org_list))
org.command("show")(with_options(organisations.org_show))
org.command("create")(with_options(organisations.org_create))
org.command("rename")(with_options(organisations.org_rename))
org.command("close")(with_options(organisations.org_close))
user.command("list")(with_options(people.user_list))
user.command("show")(with_options(people.user_show))
user.command("create")(with_options(people.user_create))
user.command("resend-password")(with_options(people.user_resend_password))
user.command("deactivate")(with_options(people.user_deactivate))


def main() -> None:
    """Run the tool; never shows a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(FAILURE) from None
    except TyperException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except typer.Exit as error:
        raise SystemExit(error.exit_code) from None
    except (typer.Abort, KeyboardInterrupt):
        raise SystemExit(_failed(InterruptedByUserError("Interrupted."))) from None
    except (ToolError, PackagingError, LocalAwsError, OSError) as error:
        raise SystemExit(_failed(failures.expected(error))) from None
    except Exception as error:
        raise SystemExit(_failed(failures.unexpected(error, started))) from None
    raise SystemExit(status if isinstance(status, int) else 0)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _failed(error: ToolError) -> int:
    show_error(error)
    return error.exit_code


if __name__ == "__main__":
    main()
