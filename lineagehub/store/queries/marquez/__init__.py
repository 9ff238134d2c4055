"""Marquez's read model over the hub's: one file a resource, plain data in exactly the shape that Marquez 0.51.1 answers.

Called by web/marquez. Keys, types and the presence of nulls are those of Marquez's Java models; what these reads answer differently,
because the hub knows better or must bound it, stands in each module's docstring. Here "namespace" is OpenLineage's; the hub's own is
the tenant.
"""
