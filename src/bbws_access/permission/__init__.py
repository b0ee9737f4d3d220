"""The permission service: the catalogue of permissions, and permission sets."""
