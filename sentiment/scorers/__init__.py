"""What reads a text as negative, neutral or positive: transformers, a linear model, word lists."""
