"""The embedded synthetic texts; README.md beside this file says what they are and are not."""

from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parent
"""The folder that holds `texts.csv.gz` (dated) and `labels.csv` (labelled)."""
