"""Builds, for researchers, the data of one approved project; what leads back to persons stays in the vault."""
