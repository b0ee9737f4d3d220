"""People who leave while requests and events are under way."""
