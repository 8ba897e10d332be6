"""The whole API against its own description, by schemathesis: what fits it is answered, what does not is refused."""

from __future__ import annotations

from typing import Any

import httpx
import hypothesis
import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from semsearch.serving import describe_api
from tests.serving.servers import Served

schema = schemathesis.openapi.from_dict(describe_api())


@schema.parametrize()
@hypothesis.settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_the_api_does_what_its_description_says(case: Any, served: Served) -> None:
    # A filter and a date are texts to a schema: that one is read or refused with a message is tested elsewhere.
    beside_the_point = [positive_data_acceptance]
    answer = case.call(base_url=served.at(""))
    if answer.status_code == 413:  # which schemathesis does not take for a refusal
        beside_the_point.append(negative_data_rejection)
    case.validate_response(answer, excluded_checks=beside_the_point)


def test_a_server_has_the_description_that_the_library_has(client: httpx.Client) -> None:
    answer = client.get("/api/openapi.json")
    assert answer.json() == describe_api()
    assert answer.json()["openapi"] == "3.1.0"
    assert sorted(answer.json()["paths"]) == [
        *["/api/v1/article", "/api/v1/health", "/api/v1/search", "/api/v1/similar", "/api/v1/sources"],
        "/api/v1/status",
    ]
