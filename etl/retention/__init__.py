"""What no published night needs any more goes: deliveries in the lake, folds, run files, pages, warehouse snapshots."""
