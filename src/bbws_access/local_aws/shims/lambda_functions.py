"""Lambda functions.

| AWS | MiniStack | test |
|---|---|---|
| a function sees its package and the runtime only | lends it all packages of its own environment | `test_lambda.py` |
"""

from pathlib import Path

from ministack.core import lambda_runtime


def install(interpreter: Path) -> None:
    """Run Python functions with `interpreter`."""
    detect = lambda_runtime._detect_runtime_binary

    def detect_runtime_binary(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        return (str(interpreter), script) if runtime.startswith("python") else (binary, script)

    lambda_runtime._detect_runtime_binary = detect_runtime_binary
