"""The panic index: which text counts in which session, and what the session comes to."""
