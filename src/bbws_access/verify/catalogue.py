"""All criteria, in the report's order."""

# Importing a module of criteria adds them.
from bbws_access.verify import (
    criteria,
    criteria_access,
    criteria_alarms,
    criteria_environment,
    criteria_stack,
    criteria_work,
    inventory,
)
from bbws_access.verify.rules import RULES

__all__ = [
    "RULES",
    "criteria",
    "criteria_access",
    "criteria_alarms",
    "criteria_environment",
    "criteria_stack",
    "criteria_work",
    "inventory",
]

# Whoever imported one of them before added its criteria first.
_ORDER = [f"{__package__}.{module}" for module in __all__ if module != "RULES"]
RULES.sort(key=lambda rule: _ORDER.index(rule.look.__module__))
