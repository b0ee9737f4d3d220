"""Reproducible packages of the Lambda functions: the same inputs give the same bytes on any machine."""

from bbws_access.packaging.build import FUNCTIONS, LEAST_NODE, Package, Packages, package
from bbws_access.packaging.errors import PackagingError

__all__ = ["FUNCTIONS", "LEAST_NODE", "Package", "Packages", "PackagingError", "package"]
