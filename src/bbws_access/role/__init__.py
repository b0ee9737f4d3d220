"""The role service: roles of the platform and of organisations, who has them, and what follows from that."""
