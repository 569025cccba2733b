"""Sources of bars: one file a kind, found by its name."""
