"""The table of environments: what DEV, SIT and PROD must be."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from bbws_access.cli.project import Project

TABLE = "terraform/environments/table.json"
REGIONAL = ("region", "failover_region", "cross_region_replication", "pitr_enabled")
"""What the criterion on regions judges."""


def table_of(project: Project, environment: str) -> dict[str, Any]:
    """What the table says of an environment; nothing of one that is not in it."""
    return read_table(project.root / TABLE).get(environment, {})


@cache
def read_table(path: Path) -> dict[str, dict[str, Any]]:
    """Every environment of the table, or none where there is no table."""
    return json.loads(path.read_text(encoding="utf-8"))["environments"] if path.is_file() else {}
