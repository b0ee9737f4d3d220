"""`python -m bbws_access.commands` is `bbws-access`."""

from bbws_access.commands.main import main

main()
