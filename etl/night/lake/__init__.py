"""What stages leave behind and how the next one reads it: layers, folds, state, mapped rows, the published night."""
