"""How fast the reading of model archives is, beside its limits and beside other ways to do it.

`scripts/bench` runs it. Each measurement is taken in a fresh process (`trial.py`), against a static
file server on loopback (`server.py`), on archives made from a seed (`archives.py`).
"""
