"""Where the embedded synthetic texts lie; README.md beside them says what they are and are not."""

from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parent / "sample"
"""The folder that holds `texts.csv.gz` (dated) and `labels.csv` (labelled)."""
