"""What the emulator leaves out of AWS's behaviour and the project's promises need.

Each module here closes gaps of one service and says for each: what AWS does, what MiniStack does, and the test that
tells when the shim can go. They reach into MiniStack's private functions, so they belong to exactly one version.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bbws_access.local_aws.errors import LocalAwsError

MINISTACK_VERSION = "1.5.33"


def install_shims(function_interpreter: Path) -> None:
    """Complete the emulator in this process; `function_interpreter` runs the Lambda functions.

    Raises LocalAwsError over any other version of MiniStack than the one that the shims were written for.
    """
    try:
        installed = version("ministack")
    except PackageNotFoundError:
        raise LocalAwsError("MiniStack is not installed: install the project's requirements.") from None
    if installed != MINISTACK_VERSION:
        raise LocalAwsError(
            f"MiniStack {installed} is installed, but the local AWS completes version {MINISTACK_VERSION} only: "
            f"install ministack=={MINISTACK_VERSION}."
        )

    # They import MiniStack, which reads its environment then, so not before the server has set it.
    from bbws_access.local_aws.shims import (
        apigateway_deployments,
        apigateway_import,
        apigateway_requests,
        cloudwatch,
        cognito,
        cognito_mfa,
        cognito_users,
        direct,
        dynamodb,
        eventbridge,
        iam,
        kms,
        lambda_functions,
        s3,
        ses,
        shortcuts,
        sqs,
        validation,
        waf,
    )

    lambda_functions.install(function_interpreter)
    apigateway_deployments.install()
    apigateway_import.install()
    apigateway_requests.install()
    cloudwatch.install()
    cognito.install()
    cognito_mfa.install()
    cognito_users.install()
    direct.install()
    dynamodb.install()
    eventbridge.install()
    iam.install()
    kms.install()
    s3.install()
    ses.install()
    shortcuts.install()
    sqs.install()
    waf.install()
    validation.install()
