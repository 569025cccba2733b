"""What the panic index is worth: leads and lags, extremes, quantiles, and chance."""
