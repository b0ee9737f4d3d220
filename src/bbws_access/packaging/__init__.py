"""Reproducible packages of the Lambda functions: the same inputs give the same bytes on any machine."""

from bbws_access.packaging.build import FUNCTIONS, Package, Packages, package
from bbws_access.packaging.errors import PackagingError

__all__ = ["FUNCTIONS", "Package", "Packages", "PackagingError", "package"]
