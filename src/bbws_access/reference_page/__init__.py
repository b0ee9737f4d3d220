"""The API's contract as a page for people: one file, which needs no network and no script to be read."""

from bbws_access.reference_page.page import render

__all__ = ["render"]
