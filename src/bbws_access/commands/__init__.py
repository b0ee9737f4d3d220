"""The commands of `bbws-access`: options, where to work, what to show."""
