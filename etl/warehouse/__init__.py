"""The shared warehouse: its schema, and the engines that hold it."""
