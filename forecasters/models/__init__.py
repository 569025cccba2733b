"""One file a forecaster: the file name is its `kind` in an experiment file."""
