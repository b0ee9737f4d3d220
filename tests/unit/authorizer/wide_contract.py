"""An API as large as they get: many kinds of things below an organisation, each with parts and versions of them."""

from bbws_access.kernel.contract import Contract, load_permissions

_ROUTES = (
    ("get post", "/organisations/{orgId}/KINDs"),
    ("get put delete", "/organisations/{orgId}/KINDs/{KINDId}"),
    ("get post", "/organisations/{orgId}/KINDs/{KINDId}/parts"),
    ("get put delete", "/organisations/{orgId}/KINDs/{KINDId}/parts/{partId}"),
)
# The ids of things and parts have one length, without which such routes cannot be told apart.
WIDTHS = {f"kind{n}Id": 27 for n in range(100)} | {"partId": 27}
_PERMISSIONS = [one["name"] for one in load_permissions()]


def wide_contract(routes: int) -> Contract:
    """So many routes, each kind of thing with permissions of its own."""
    paths: dict[str, dict] = {}
    n = kind = 0
    while n < routes:
        for methods, template in _ROUTES:
            path = template.replace("KIND", f"kind{kind}")
            for k, method in enumerate(methods.split()):
                # Reading, making, changing and ending are different permissions, as they are in the catalogue.
                name = _PERMISSIONS[(kind * 4 + k) % len(_PERMISSIONS)]
                operation = {"operationId": f"op{n}", "x-bbws-service": "s", "x-bbws-access": [{"permission": name}]}
                paths.setdefault(path, {})[method] = operation
                n += 1
        kind += 1
    return Contract({"paths": paths})
