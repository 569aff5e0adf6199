"""Pictures with text alternatives: `plots`, and molecules that turn, in `viewer`."""
