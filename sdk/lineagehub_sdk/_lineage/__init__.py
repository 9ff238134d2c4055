"""Runs, their datasets and what is known of them, as OpenLineage has it: from the decorator to an event on its way."""
