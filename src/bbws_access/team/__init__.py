"""The team service: teams of organisations, what members may do in them, and who is a member."""
