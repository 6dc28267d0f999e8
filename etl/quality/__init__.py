"""The wing of quality officers: what a night was, and where its rows come from; it reads and never changes a night."""
