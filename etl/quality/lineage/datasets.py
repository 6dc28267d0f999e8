"""A stage's inputs and outputs as OpenLineage datasets: schema, column lineage, counts and assertions; no values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from etl.cdm.spec import tables
from etl.engine import rows_of_files
from etl.mapping.expression import columns_of
from etl.mapping.language.contract import Computed
from etl.mapping.language.entries import Entry
from etl.mapping.language.landed import landed_columns_sql
from etl.night.derive.derive import derivations
from etl.night.land.contract import find_files
from etl.night.run import Run
from etl.quality.lineage.columns import filled, inputs
from etl.quality.lineage.places import candidate
from etl.store.ledger.records import Accounts
from etl.store.ledger.tables import FINDING

FILES = "file"  # OpenLineage's namespace of local files; their names are their paths
InputField = column_lineage_dataset.InputField
Transformation = column_lineage_dataset.Transformation
Datasets = tuple[list[InputDataset], list[OutputDataset]]


def datasets(run: Run, stage: str, namespace: str) -> Datasets:
    """Inputs and outputs of a stage that has been run."""
    return _OF[stage](_Names(run, namespace))


class _Names:
    """The datasets of one run: delivered files, landed sources, candidate tables, and the warehouse's tables."""

    def __init__(self, run: Run, namespace: str) -> None:
        self.run = run
        self.namespace = namespace
        self.accounts: Accounts = run.ledger.accounts(run.run_id)

    def landed(self, source: str) -> str:
        return f"{self.run.delivery.hospital}.landed.{source}"

    def candidate(self, table: str) -> str:
        return f"{self.run.delivery.hospital}.candidate.{table}"

    @property
    def warehouse(self) -> str:
        """The warehouse's URL without user and password."""
        return self.run.settings.warehouse.set(username=None, password=None, query={}).render_as_string()

    def files_of(self, source: str) -> list[str]:
        return [
            str(f.path.with_name(f.told))
            for f in find_files(source, self.run.mapping.sources[source], self.run.delivery)
        ]

    def landed_rows(self, source: str) -> int:
        came = sum(f["rows"] for f in self.accounts.files if f["source"] == source)
        gone = (a["rows"] for a in self.accounts.source if a["source"] == source and a["outcome"] == "rejected")
        return int(came - sum(gone))

    def rows(self, table: str) -> int:
        return int(sum(a["rows"] for a in self.accounts.tables if a["cdm_table"] == table))


def _schema(columns: Iterable[tuple[str, str]]) -> schema_dataset.SchemaDatasetFacet:
    fields = [
        schema_dataset.SchemaDatasetFacetFields(name=name, type=type_, ordinal_position=i)
        for i, (name, type_) in enumerate(columns, 1)
    ]
    return schema_dataset.SchemaDatasetFacet(fields=fields)


def _cdm_schema(table: str) -> schema_dataset.SchemaDatasetFacet:
    return _schema((f.name, f.type) for f in tables()[table].fields)


def _input(namespace: str, name: str, facets: dict[str, Any], rows: int | None = None, size: int | None = None,
           **more: Any) -> InputDataset:  # fmt: skip
    counted = rows is not None or size is not None
    statistics = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=rows, size=size)
    return InputDataset(
        namespace=namespace, name=name, facets=facets,
        inputFacets={**({"inputStatistics": statistics} if counted else {}), **more},
    )  # fmt: skip


def _output(namespace: str, name: str, facets: dict[str, Any], rows: int) -> OutputDataset:
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)
    return OutputDataset(namespace=namespace, name=name, facets=facets, outputFacets={"outputStatistics": statistics})


def _landed_inputs(names: _Names, assertions: dict[str, Any] | None = None) -> list[InputDataset]:
    return [
        _input(
            names.namespace, names.landed(n), {"schema": _schema(landed_columns_sql(s).items())}, names.landed_rows(n),
            **_asserted(assertions, n),
        )
        for n, s in names.run.mapping.sources.items()
    ]  # fmt: skip


def _candidate_inputs(
    names: _Names, wanted: Iterable[str], assertions: dict[str, Any] | None = None
) -> list[InputDataset]:
    return [
        _input(
            names.namespace, names.candidate(t), {"schema": _cdm_schema(t)}, names.rows(t), **_asserted(assertions, t)
        )
        for t in wanted
    ]


def _asserted(assertions: dict[str, Any] | None, name: str) -> dict[str, Any]:
    found = (assertions or {}).get(name)
    return {"dataQualityAssertions": found} if found else {}


def _assertions(names: _Names, gate: str) -> dict[str, Any]:
    """By table, what the gate's expectations found: counts of rows, never a value."""
    query = sa.select(FINDING).where(FINDING.c.run_id == names.run.run_id, FINDING.c.gate == gate)
    found: dict[str, list[data_quality_assertions_dataset.Assertion]] = {}
    for row in names.run.ledger.read(query.order_by(FINDING.c.number)):
        broken = f"{row['unexpected']} of {row['total']} rows" if row["unexpected"] is not None else row["observed"]
        found.setdefault(row["table_name"], []).append(
            data_quality_assertions_dataset.Assertion(
                assertion=row["expectation"], success=bool(row["success"]), column=row["column_name"],
                severity="error" if row["severity"] == "block" else "warn", name=row["suite"],
                description=row["description"], actual=broken,
            )
        )  # fmt: skip
    return {
        t: data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=a) for t, a in found.items()
    }


def _land(names: _Names) -> Datasets:
    came = {f["file"]: f for f in names.accounts.files}
    ins, outs = [], []
    for name, source in names.run.mapping.sources.items():
        files = names.files_of(name)
        for path in files:
            counted = came.get(path.removeprefix(f"{names.run.delivery.folder}/"), {})
            schema = _schema((c, "text") for c in source.columns)
            ins.append(_input(FILES, path, {"schema": schema}, counted.get("rows"), counted.get("bytes")))
        facets = {"schema": _schema(landed_columns_sql(source).items()), "columnLineage": _landing(names, name, files)}
        outs.append(_output(names.namespace, names.landed(name), facets, names.landed_rows(name)))
    return ins, outs


def _landing(names: _Names, name: str, files: list[str]) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """Identifiers become ids of ours, free text is scrubbed: both are masked; other columns land as they are."""
    source = names.run.mapping.sources[name]
    landing = landed_columns_sql(source)
    fields: dict[str, column_lineage_dataset.Fields] = {}
    for column, declared in source.declared.items():
        computed = isinstance(declared, Computed)
        raw = columns_of(declared.sql, source.columns) if isinstance(declared, Computed) else [column]
        masked = bool(declared.identifier or declared.entity or declared.scrub)
        how = [Transformation("DIRECT", "TRANSFORMATION" if computed or masked else "IDENTITY", masking=masked)]
        made = column_lineage_dataset.Fields([InputField(FILES, f, c, how) for f in files for c in raw])
        fields |= {c: made for c in (column, f"{column}__id") if c in landing}
    return column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields)


def _check_source(names: _Names) -> Datasets:
    return _landed_inputs(names, _assertions(names, "source")), []


def _merge(names: _Names) -> Datasets:
    """Compares what landed with earlier nights; it tells which rows count and makes no dataset of its own."""
    return _landed_inputs(names), []


def _map(names: _Names) -> Datasets:
    derived = derivations()
    outs = [
        _output(
            names.namespace, names.candidate(t), {"schema": _cdm_schema(t), "columnLineage": _mapping(names, t)},
            names.rows(t),
        )
        for t in candidate(names.run)
        if t not in derived
    ]  # fmt: skip
    return _landed_inputs(names), outs


def _mapping(names: _Names, table: str) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """From the YAML: the columns of the sources behind every column, and those that rules filter by."""
    mapping = names.run.mapping
    counted = {a["entry"] for a in names.accounts.tables if a["cdm_table"] == table}
    entries = [e for e in mapping.entries if e.label in counted]
    fields: dict[str, list[InputField]] = {}
    for entry in entries:
        for column in filled(mapping, entry, table):
            found = fields.setdefault(column.column, [])
            for said in column.fields:
                how_found = [s.text for s in said.searches]
                rule = "; ".join([f"{entry.label}: {said.expression}", *how_found, *filter(None, [column.rule])])
                for i in said.inputs:
                    how = (
                        Transformation("INDIRECT", "JOIN")
                        if i.looked_up
                        else Transformation("DIRECT", "TRANSFORMATION")
                    )
                    how.description = rule
                    found.append(InputField(names.namespace, names.landed(i.source), i.column, [how]))
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={c: column_lineage_dataset.Fields(found) for c, found in fields.items() if found},
        dataset=[f for entry in entries for f in _filters(names, entry)],
    )


def _filters(names: _Names, entry: Entry) -> list[InputField]:
    return [
        InputField(
            names.namespace, names.landed(read.source), read.column,
            [Transformation("INDIRECT", "FILTER", description=f"{entry.label}: {rule}")],
        )
        for rule, sql in entry.rules.items()
        for read in inputs(names.run.mapping, entry, sql)
    ]  # fmt: skip


def _derive(names: _Names) -> Datasets:
    derived = [t for t in candidate(names.run) if t in derivations()]
    mapped = [t for t in candidate(names.run) if t not in derived]
    outs = [_output(names.namespace, names.candidate(t), {"schema": _cdm_schema(t)}, names.rows(t)) for t in derived]
    return _candidate_inputs(names, mapped), outs


def _check_cdm(names: _Names) -> Datasets:
    return _candidate_inputs(names, candidate(names.run), _assertions(names, "cdm")), []


def _publish(names: _Names) -> Datasets:
    outs = []
    files = candidate(names.run)
    rows = rows_of_files(names.run.settings, files)
    for table in files:
        same = {
            column: column_lineage_dataset.Fields(
                [InputField(names.namespace, names.candidate(table), column, [Transformation("DIRECT", "IDENTITY")])]
            )
            for column in tables()[table].columns
        }
        lineage = column_lineage_dataset.ColumnLineageDatasetFacet(fields=same)
        outs.append(
            _output(names.warehouse, table, {"schema": _cdm_schema(table), "columnLineage": lineage}, rows[table])
        )
    return _candidate_inputs(names, candidate(names.run)), outs


_OF: dict[str, Callable[[_Names], Datasets]] = {
    "land": _land, "check_source": _check_source, "merge": _merge, "map": _map, "derive": _derive,
    "check_cdm": _check_cdm, "publish": _publish,
}  # fmt: skip
