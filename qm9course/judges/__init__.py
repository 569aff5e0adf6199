"""The exercises of each chapter, and who judges their answers."""
