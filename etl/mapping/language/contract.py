"""The contract: the tables of a delivery, how they are written, and the columns a mapping may use."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from etl.mapping.language.hospital import Delivers
from etl.mapping.language.reading import Reading
from etl.mapping.language.words import Sql, Strict


class Column(Strict):
    """A column of a source. `{}` (or nothing) is a plain text column."""

    identifier: Annotated[
        Literal["person", "name", "rrn", "phone", "address", "other"] | None,
        Field(description="a direct identifier: `person` becomes our id while landing, the others never land"),
    ] = None
    entity: Annotated[
        Literal["provider", "care_site", "location"] | None,
        Field(description="names one of these; its id is handed out by the key store"),
    ] = None
    registers: Annotated[
        bool, Field(description="values seen here get an id; elsewhere an unknown value gets none")
    ] = False
    scrub: Annotated[
        bool,
        Field(
            description="free text: names and record numbers of anybody known, registration and phone numbers, "
            "passports, mail and street addresses are blanked out"
        ),
    ] = False
    reads: Annotated[Reading | None, Field(description="how its texts are written, where the source's do not")] = None
    not_a_person: Annotated[
        str | None,
        Field(
            description="why values that look like patients' record numbers, or like registration or phone numbers, "
            "are none: landing does not look for any"
        ),
    ] = None
    aliases: Annotated[tuple[str, ...], Field(description="other names this column has in some exports")] = ()
    optional: Annotated[bool, Field(description="may be missing from the file; it is then empty")] = False
    note: Annotated[str | None, Field(description="for the reader")] = None


class Computed(Column):
    """A column made while landing, over raw columns (identifiers included); only its result lands."""

    sql: Sql


class Merges(Strict):
    """Which columns of a source say that two record numbers are one patient."""

    from_: Annotated[str, Field(alias="from", description="record number that is given up")]
    into: Annotated[str, Field(description="record number that goes on")]


class Files(Strict):
    """How many files a glob has in a delivery."""

    at_least: Annotated[int, Field(ge=1, description="fewer: the delivery is not complete yet")] = 1
    at_most: Annotated[int | None, Field(ge=1, description="more: the delivery is refused")] = None


def _as_range(said: Any) -> Any:
    """A number of files as the range that holds it alone."""
    return {"at_least": said, "at_most": said} if isinstance(said, int) and not isinstance(said, bool) else said


class Source(Strict):
    """One table of the delivery: where it is, how it is written, and the columns the mapping may use."""

    file: Annotated[
        str,
        Field(
            description="file inside the delivery, or a glob; several files are read as one. `ward/labs.csv` lies in a "
            "sub-folder, `labs.csv` may have come as `labs.csv.gz` or inside a .zip, `book.xlsx!labs` is a sheet of a "
            "workbook. Or say `query`"
        ),
    ] = ""
    files: Annotated[
        Files | None,
        BeforeValidator(_as_range, json_schema_input_type=Annotated[int, Field(ge=1)] | Files | None),
        Field(
            description="how many files the glob in `file` has: `12`, or `{at_least: 2, at_most: 40}`. With fewer a "
            "delivery is not complete yet, with more it is refused. Default: one or more"
        ),
    ] = None
    query: Annotated[
        str | None,
        Field(
            description="instead of `file`: SQL over the hospital's own database, or a .sql file beside this file; "
            "`etl extract` writes its rows into the delivery"
        ),
    ] = None
    connection: Annotated[
        str | None,
        Field(pattern=r"^[a-z][a-z0-9_]*$", description="of `query`; default: what hospital.yaml says"),
    ] = None
    since: Annotated[
        str | None,
        Field(
            description="a column of `query`, such as the time of the last change: a night extracts the rows that are "
            "not below its highest value of the last night that came in. Needs `delivery: delta`"
        ),
    ] = None
    overlap: Annotated[
        float,
        Field(ge=0, description="a night reaches so far back behind that value: hours of a time, units of a number"),
    ] = 0
    format: Annotated[Literal["csv", "parquet"], Field(description="how the file is written")] = "csv"
    encoding: Annotated[str, Field(description="utf-8, cp949, euc-kr, …")] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1, description="between two fields of a CSV line")] = ","
    quote: Annotated[
        str, Field(min_length=1, max_length=1, description="around a field that holds delimiters; doubled inside it")
    ] = '"'
    optional: Annotated[bool, Field(description="a delivery without this file is complete")] = False
    reads: Annotated[Reading, Field(description="how its dates, numbers and empty values are written")] = Reading()
    final_newline: Annotated[
        bool, Field(description="the export ends its last line; a file that does not was cut in the middle")
    ] = True
    max_rejected: Annotated[
        float, Field(ge=0, le=1, description="share of unreadable rows above which the file is refused")
    ] = 0.01
    key: Annotated[
        tuple[str, ...],
        Field(description="columns that identify a row; empty or doubled keys are quarantined"),
    ] = ()
    delivery: Annotated[Delivers | None, Field(description="default: what hospital.yaml says; `delta` needs a key")] = (
        None
    )
    version: Annotated[
        Sql | None,
        Field(description="of several rows of a night with one key the greatest counts; default: the last in the file"),
    ] = None
    deleted: Annotated[Sql | None, Field(description="holds for a row that only says: this key is deleted")] = None
    deletions: Annotated[
        str | None, Field(description="file name or glob of files with the keys of deleted rows, if there are any")
    ] = None
    deletions_query: Annotated[
        str | None,
        Field(
            description="instead of `deletions`: SQL, or a .sql file, for the keys of deleted rows out of a log; "
            "with `since` it has that column too"
        ),
    ] = None
    merges: Annotated[Merges | None, Field(description="every row says that two record numbers are one patient")] = None
    columns: Annotated[dict[str, Column | None], Field(description="what lands; other columns of the file do not")]
    computed: Annotated[dict[str, Computed], Field(description="columns made while landing")] = {}
    unused: Annotated[
        str | None,
        Field(
            description="why no entry reads this source; its rows are accounted as filtered, its file may be missing"
        ),
    ] = None

    @property
    def required(self) -> bool:
        """Whether a delivery without a file of it is refused."""
        return not self.optional and self.unused is None

    @property
    def number_of_files(self) -> tuple[int, int | None]:
        """The fewest and the most files of it in a delivery, where there is any; None: any number."""
        return (self.files.at_least, self.files.at_most) if self.files else (1, None)

    @property
    def declared(self) -> dict[str, Column]:
        """All columns of the contract by name, computed ones included."""
        return {n: c or Column() for n, c in self.columns.items()} | dict(self.computed)

    def reading(self, column: str) -> Reading:
        """How the texts of a column are written."""
        own = self.declared[column].reads if column in self.declared else None
        return own.beside(self.reads) if own else self.reads

    @property
    def written_plainly(self) -> bool:
        """Whether its files are UTF-8 with commas, as the sheets of a workbook are read."""
        return (self.encoding.lower().replace("-", ""), self.delimiter, self.quote) == ("utf8", ",", '"')


def deletions_of(source: str) -> str:
    """Name of the source that holds the keys of a source's deleted rows."""
    return f"{source}__deleted"
