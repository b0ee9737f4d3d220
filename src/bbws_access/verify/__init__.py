"""Proves every module for every environment, and says what was looked at."""
