"""Schemas: the typed settings of each stage, one module each; `stages.settings` makes them from a study.

A stage becomes stale when the module of its settings changes, so no module here imports tables or the study.
"""
