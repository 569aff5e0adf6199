"""Molecules: from published files, via a cache, to arrays.

`sources` finds them, `dataset` holds them, `verify` checks them; `xyz` reads molecules from
other files.
"""
