"""The running API under Schemathesis: whatever is sent, the answer is one that the contract knows, and never a fault.

Path parameters are now what the generator makes, now what is really there, so that requests get past the first lookup.
The caller is a platform administrator, whose rights no request can take away.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from bbws_access.kernel.contract import load_contract
from tests.support.inhabitants import Inhabitants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")
EXAMPLES = 12  # requests for each operation; more find little and take a minute each


# Made when the test runs: the cases of all operations take longer than all other tests take to be collected.
LATER = schemathesis.pytest.from_fixture("schema")


@pytest.fixture(scope="module")
def schema() -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_dict(load_contract().document)


@pytest.fixture(scope="module")
def session(dev: Deployment) -> Iterator[requests.Session]:
    """Requests signed in as a platform administrator."""
    where = ["--organisation", dev.status["organisation_id"]]
    dev.tool("user", "create", "fuzzer@platform.example", *where, "--role", "PLATFORM_ADMIN", "--platform")
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {dev.token('fuzzer@platform.example')}"
        yield session


@pytest.fixture(scope="module")
def inhabitants(dev: Deployment) -> Inhabitants:
    return Inhabitants.settle(dev, "fuzzed.example")


@LATER.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_the_contracts(
    case: schemathesis.Case, dev: Deployment, session: requests.Session, inhabitants: Inhabitants
) -> None:
    for name, value in (case.path_parameters or {}).items():
        if zlib.crc32(repr(value).encode()) % 4:
            case.path_parameters[name] = inhabitants.ids.get(name, value)
    # What was put right, or is added by the session, is no bad input any more.
    bad = {where for where, part in case.meta.components.items() if part.mode.is_negative}
    refused = [negative_data_rejection] if bad and bad <= {ParameterLocation.QUERY, ParameterLocation.BODY} else []
    response = case.call(base_url=dev.status["api_url"], session=session, verify=dev.status["ca_bundle"])
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
            *refused,
        ],
    )
