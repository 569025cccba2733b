"""The archive of dated texts: every version of each, how far it goes, and how it is filled."""
