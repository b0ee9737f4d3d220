"""Turns a Cognito token into the exact list of methods and paths that its owner may call."""
