"""Where rows and columns of the CDM come from: single rows, whole mappings as pages, OpenLineage events."""
