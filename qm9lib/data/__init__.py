"""Molecules: from published files, by way of a cache, to arrays.

`sources` finds them, `dataset` holds them, `verify` checks them; `xyz` reads those of others.
"""
