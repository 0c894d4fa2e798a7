"""The checks of `tradecapture doctor`: one module a subject, each with findings and their cures.

In each module `check_*` asks a server and returns findings, and `assess_*` turns what the server
said into findings and is pure.
"""
