"""Reports to write down: everything holds, much does not, and a run that came to nothing."""

from __future__ import annotations

from bbws_access.verify.report import (
    COMPLETE,
    FAILED,
    SKIPPED,
    Criterion,
    Edge,
    Estimate,
    Finding,
    Graph,
    Node,
    Output,
    Report,
    Resource,
    Route,
    Step,
    Verdict,
    Worker,
)

ENVIRONMENTS = ["dev", "sit", "prod"]
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'> | `a` *b* <!-- &amp;"

WORKERS = (
    ("worker-1-dynamodb-tables-module", "dynamodb", "Create DynamoDB table modules"),
    ("worker-2-lambda-iam-roles-module", "iam", "Create IAM roles and policies"),
    ("worker-3-api-gateway-module", "api-gateway", "Create API Gateway configuration"),
    ("worker-4-cognito-integration-module", "cognito", "Configure Cognito authorizer"),
    ("worker-5-s3-audit-storage-module", "s3-audit", "Create S3 buckets for audit"),
    ("worker-6-cloudwatch-monitoring-module", "cloudwatch", "Configure CloudWatch resources"),
)
CRITERIA = (
    ("validate", "All modules pass `terraform validate`", True, 8),
    ("plan", "All modules pass `terraform plan` (no errors)", True, 8),
    ("no-hardcoded-values", "No hardcoded values", True, 214),
    ("naming", "Follows BBWS naming conventions", True, 126),
    ("on-demand", "On-demand capacity for DynamoDB", True, 4),
    ("public-access", "Public access blocked for S3", True, 2),
    ("tags", "Tags on everything that can carry them", False, 61),
    ("dead-letters", "Every asynchronous path has a dead-letter queue", False, 5),
)


def passing() -> Report:
    """Six workers complete, every criterion holds in three environments."""
    return Report(
        started="2026-01-23T08:30:05Z",
        finished="2026-01-23T08:31:07Z",
        project="bbws-access",
        versions={"terraform": "1.11.4", "provider": "5.100.0", "checkov": "3.2.470", "commit": "0123abc"},
        environments=list(ENVIRONMENTS),
        environment_values={name: _values(name) for name in ENVIRONMENTS},
        workers=[_worker(number, *facts) for number, facts in enumerate(WORKERS)],
        criteria=[
            Criterion(
                id_,
                title,
                f"The rule of {id_}, in a sentence that says what must be so.",
                "Planned resources of its kind",
                documented,
                {name: Verdict(True, count, evidence=_evidence(name)) for name in ENVIRONMENTS},
                WORKERS[0][0] if id_ == "on-demand" else None,
            )
            for id_, title, documented, count in CRITERIA
        ],
        supporting=[_worker(6, "supporting-kms", "kms", "Keys of our own")],
        estimates={name: Estimate(154 if name == "prod" else 110, _policies(name), 41_230) for name in ENVIRONMENTS},
        routes=[
            Route("GET", "/health", "permission", "public"),
            Route("POST", "/organisations/{orgId}/roles", "role", "role:create"),
            Route("GET", "/organisations/{orgId}/users/{userId}/permissions", "role", "oneself, or user:read"),
        ],
        graph=_graph(),
        seconds=61.7,
    )


def failing() -> Report:
    """Two workers and two criteria fail; texts of the world outside are in it."""
    report = passing()
    report.workers[0].status = FAILED
    report.workers[
        0
    ].message = 'terraform/modules/dynamodb/main.tf:31: An argument named "billing" is not expected here.'
    report.workers[0].steps[1].status = FAILED
    report.workers[0].steps[2].status = SKIPPED
    report.workers[3].status = FAILED
    report.workers[3].message = "It took longer than 300 s and was ended."
    report.workers[3].steps = []
    report.supporting[0].steps[-1].status = FAILED
    report.supporting[0].steps[-1].detail = "2 of 14 runs failed"
    report.not_judged = ["parameterised"]
    by_id = {criterion.id: criterion for criterion in report.criteria}
    for name in ENVIRONMENTS:
        finding = Finding(
            "The billing mode is PROVISIONED, and must be PAY_PER_REQUEST.",
            'module.dynamodb.aws_dynamodb_table.this["teams"]',
            "terraform/modules/dynamodb/main.tf",
            31,
            "PROVISIONED",
        )
        by_id["on-demand"].verdicts[name] = Verdict(False, 4, [finding], _evidence(name))
    by_id["naming"].verdicts["prod"] = Verdict(False, 126, [Finding(HOSTILE, HOSTILE, None, None, HOSTILE)])
    by_id["dead-letters"].verdicts["sit"] = Verdict(False, 0)
    return report


def empty() -> Report:
    """A run in which nothing could be planned."""
    workers = [
        Worker(name, module, FAILED, 0.1, "There is no terraform on the PATH.", task) for name, module, task in WORKERS
    ]
    return Report("2026-01-23T08:30:05Z", environments=list(ENVIRONMENTS), workers=workers)


def _values(name: str) -> dict[str, object]:
    prod = name == "prod"
    return {
        "project_name": "bbws-access",
        "region": "af-south-1" if prod else "eu-west-1",
        "env_name": name,
        "pitr_enabled": True,
        "cross_region_replication": prod,
        "failover_region": "eu-west-1" if prod else None,
        "audit_object_lock": {"mode": "COMPLIANCE" if prod else "GOVERNANCE", "days": 2557 if prod else 1},
        "cors_allowed_origins": [] if prod else ["*"],
        "service_log_retention_days": 30,
    }


def _policies(name: str) -> dict[str, int]:
    lengths = {"audit": 4378, "team": 2201, "role": 9400}
    return {f"bbws-access-{name}-role-{role}-service": length for role, length in lengths.items()}


def _evidence(name: str) -> list[str]:
    return [
        f'module.dynamodb.aws_dynamodb_table.this["{table}"] of {name}: as it must be' for table in ("teams", "audit")
    ]


def _worker(number: int, name: str, module: str, task: str) -> Worker:
    steps = [Step("validate", None, COMPLETE, 3.1), *(Step("plan", each, COMPLETE, 4.2) for each in ENVIRONMENTS)]
    steps.append(Step("native tests", None, COMPLETE, 12.5, "14 runs", cached=number == 1))
    outputs = [Output("names", "Name of each thing, by thing.")]
    resources = {each: _resources(module, each) for each in ENVIRONMENTS}
    return Worker(name, module, COMPLETE, 31.4 - 4 * number, "", task, steps, resources, outputs, cached=number == 5)


def _resources(module: str, name: str) -> list[Resource]:
    prefix = f"bbws-access-{name}"
    made = {
        "dynamodb": [
            Resource(
                f'module.dynamodb.aws_dynamodb_table.this["{table}"]', "aws_dynamodb_table", f"{prefix}-ddb-{table}"
            )
            for table in ("permissions", "teams", "invitations", "audit")
        ],
        "iam": [Resource('module.iam.aws_iam_role.service["role"]', "aws_iam_role", f"{prefix}-role-role-service")],
        "api-gateway": [
            Resource("module.api_gateway.aws_api_gateway_rest_api.this", "aws_api_gateway_rest_api", f"{prefix}-apigw")
        ],
        "cognito": [
            Resource("module.cognito.aws_cognito_user_pool.this[0]", "aws_cognito_user_pool", f"{prefix}-users")
        ],
        "s3-audit": [Resource("module.s3_audit.aws_s3_bucket.archive", "aws_s3_bucket", f"{prefix}-s3-audit-archive")],
        "cloudwatch": [
            Resource('module.cloudwatch.aws_sns_topic.this["dlq"]', "aws_sns_topic", f"{prefix}-sns-alerts-dlq")
        ],
        "kms": [Resource('module.keys.aws_kms_key.this["data"]', "aws_kms_key")],
    }[module]
    if module == "s3-audit" and name == "prod":
        address = 'module.s3_audit_replica["failover"].aws_s3_bucket.archive'
        made.append(Resource(address, "aws_s3_bucket", f"{prefix}-s3-audit-archive-replica"))
    return made


def _graph() -> Graph:
    """Modules that need each other in a circle, as the stack's do."""
    modules = ("api_gateway", "cognito", "functions", "iam", "dynamodb", "cloudwatch", "keys")
    kinds = ("aws_api_gateway_rest_api", "aws_cognito_user_pool", "aws_lambda_function", "aws_iam_role")
    graph = Graph([Node(f"module.{name}", name, "module") for name in modules])
    for name, kind in zip(modules, (*kinds, "aws_dynamodb_table", "aws_sns_topic", "aws_kms_key"), strict=True):
        for resource in (f"{kind}.this", f"{kind}_policy.this"):
            graph.nodes.append(
                Node(f"module.{name}.{resource}", resource, "resource", resource.partition(".")[0], f"module.{name}")
            )
        graph.edges.append(Edge(f"module.{name}.{kind}_policy.this", f"module.{name}.{kind}.this"))
    needs = {
        "api_gateway": ("functions", "cognito", "cloudwatch"),
        "cognito": ("functions", "iam"),
        "functions": ("iam", "keys", "cloudwatch"),
        "iam": ("functions", "dynamodb", "keys"),
        "dynamodb": ("keys",),
        "cloudwatch": ("keys",),
    }
    graph.edges += [Edge(f"module.{name}", f"module.{other}") for name, others in needs.items() for other in others]
    return graph
