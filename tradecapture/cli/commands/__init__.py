"""The commands: one module or package for each command of `tradecapture`."""
