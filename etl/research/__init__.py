"""The wing of analysts and researchers: what they read about the published warehouse and ask of it."""
