"""Pictures with text alternatives: `plots`, and in `viewer` molecules that turn."""
