"""How fast model archives are read, compared with the limits and with other ways to read them.

`scripts/bench` runs it. Each measurement is taken in a new process (`trial.py`), against a static
file server on loopback (`server.py`), on archives made from a seed (`archives.py`).
"""
