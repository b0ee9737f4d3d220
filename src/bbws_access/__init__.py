"""BBWS Access Management: the services that run in AWS and the tool that deploys them."""
