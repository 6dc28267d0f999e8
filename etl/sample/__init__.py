"""The sample: eight hospitals that never existed, written in the layouts of real ones."""
