"""Which texts count, and for whom: shares named, copies and spam left out."""
