"""How a classifier learns from labelled texts, and how good it is on texts held back."""
