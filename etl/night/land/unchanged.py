"""What lands is what was hashed: a file that was replaced, or written to, since its delivery was opened is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from etl.errors import InputError
from etl.night.delivery import DeliveredFile, Delivery, hashed, stamp_of


@contextmanager
def unchanged(delivery: Delivery) -> Iterator[None]:
    """What is done within reads the files as they were opened: InputError where it did not.

    A file that changes while it is read fails in many ways, of which none says so: here the change is told instead.
    """
    _refuse_changed(delivery)
    try:
        yield
    except Exception:
        _refuse_changed(delivery)
        raise
    _refuse_changed(delivery)


def _refuse_changed(delivery: Delivery) -> None:
    """Raise InputError, telling how many, for files that are not what they were when the delivery was opened.

    A file whose place on disk, size and times are the same is the same; only others are read again, as a copy that was
    put back, or other rights, change nothing of what a file says.
    """
    changed = [file for file in _stamped_otherwise(delivery.files.values()) if _says_otherwise(file)]
    if changed:
        raise InputError(
            f"{len(changed)} of the {len(delivery.files)} files were changed or replaced while the night was at work: "
            + ", ".join(sorted(file.told or str(file.place) for file in changed)),
            hint="run the night again when the export has ended",
        )


def _stamped_otherwise(files: Iterable[DeliveredFile]) -> list[DeliveredFile]:
    return [file for file in files if not file.path.exists() or file.stamp != stamp_of(file.path)]


def _says_otherwise(file: DeliveredFile) -> bool:
    return not file.path.exists() or hashed(file).sha256 != file.sha256
