"""Schemas: the typed settings of each stage, one module each: `stages.settings` makes them from a study.

A stage is stale when the module of its settings changes, so no module here imports another's tables or the study.
"""
