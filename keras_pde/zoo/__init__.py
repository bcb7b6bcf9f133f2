"""In a checkout: the way to the zoo, which stands beside the package there. A wheel holds the zoo itself in this place."""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parent.parent.parent / "zoo")]
