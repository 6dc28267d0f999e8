"""A form as it is given: what it says, and the files that it names, read once and known by their digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from etl.errors import InputError
from etl.files import read_bytes
from etl.research.requests.forms import Form, read_form

LARGEST = 1_000_000  # bytes of a file


@dataclass(frozen=True, slots=True)
class Given:
    """A form whose files are told by name, digest and size, and their contents by digest."""

    form: Form
    contents: Mapping[str, bytes]


def given(form: Form, files: Mapping[str, bytes]) -> Given:
    """A form with the contents of its files by their names; InputError where one is too large."""
    if large := sorted(name for name, content in files.items() if len(content) > LARGEST):
        raise InputError(f"files of a request have at most {LARGEST:,} bytes: {', '.join(large)}",
                         hint="give a reference to it in their place")  # fmt: skip
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    told = [{"name": name, "digest": digests[name], "bytes": len(files[name])} for name in sorted(files)]
    kept = {key: value for key, value in form.items() if key != "files"}
    return Given(kept | ({"files": told} if told else {}), {digests[name]: files[name] for name in files})


def read_given(file: Path) -> Given:
    """The form in a YAML file, and the files that it names from there; InputError where one cannot be read."""
    try:
        form = read_form("request", read_bytes(file).decode("utf-8"))
        paths = [file.parent / name for name in form.get("files", ())]
        if len({path.name for path in paths}) != len(paths):
            raise InputError("two files of the form have the same name", hint="give each another name")
        return given(form, {path.name: read_bytes(path) for path in paths})
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise InputError(f"there is no file {missing}", hint="paths are from the form's own folder") from None
    except UnicodeDecodeError:
        raise InputError("the form is not in UTF-8", hint="save it in UTF-8") from None
