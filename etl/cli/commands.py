"""The commands of `etl`: where each stands, and what it is for in one line. A new command is a new line here."""

from __future__ import annotations

from dataclasses import dataclass

SET_UP, RUN, LOOK = "Set up", "Run", "Look"


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or a group of them: it is in the Typer `app` of the module, which is loaded when it is called.

    `summary` is the first sentence of its help. `before` names a function that is called before the module is loaded.
    """

    name: str
    module: str
    panel: str
    summary: str
    before: str | None = None


COMMANDS = (
    Command("sample", "etl.cli.sample", SET_UP,
            "Write generated raw exports of the eight hospitals: real layouts, encodings and traps, invented people."),
    Command("check", "etl.cli.check", SET_UP,
            "Check mappings and expectations without any data; every problem at once, with file and line."),
    Command("draft", "etl.cli.onboarding", SET_UP,
            "Draft Great Expectations suites for the sources that have none, from the contract and mappings."),
    Command("profile", "etl.cli.onboarding", SET_UP,
            "Describe an export that nobody has mapped yet: files, encodings, columns, keys, joins, codes."),
    Command("new", "etl.cli.onboarding", SET_UP,
            "Draft the mappings of a hospital that joins, from one of its exports, and its expectations."),
    Command("docs", "etl.cli.docs", SET_UP,
            "Write the generated pages, from the code and the mappings of the project."),
    Command("vocabulary", "etl.cli.vocabulary", SET_UP,
            "Standardised vocabularies: releases side by side."),
    Command("warehouse", "etl.cli.warehouse", SET_UP,
            "The warehouse on PostgreSQL: its schema, its logins, who may see which hospital."),
    Command("compare", "etl.cli.compare", RUN,
            "Compare a delivery with its contract: every difference at once; nothing lands, nothing is written down."),
    Command("run", "etl.cli.run", RUN,
            "Take a delivery through all stages: land, check source, merge, map, derive, check CDM, publish.",
            before="etl.night.check.process:prepare"),
    Command("publish", "etl.cli.publishing", RUN,
            "Publish a run whose gates have passed, or show what that would change."),
    Command("rollback", "etl.cli.publishing", RUN,
            "Go back to an earlier published night, in seconds, without loading it again."),
    Command("approve", "etl.cli.approve", RUN,
            "Approve a night whose warnings are above their limit, or refuse it; without RUN, list what waits."),
    Command("extract", "etl.cli.extract", RUN,
            "Extract a night from a hospital's own database into a delivery, for `etl run` to take on."),
    Command("clean", "etl.cli.retention", RUN,
            "Remove old deliveries, folds, run files, pages and warehouse snapshots that no published night needs."),
    Command("keys", "etl.cli.keys", RUN,
            "The key stores, which cannot be made again: back-ups, the way back, another secret."),
    Command("doctor", "etl.cli.doctor", LOOK,
            "Look at everything a night needs, and say what to do where it is not well."),
    Command("status", "etl.cli.status", LOOK,
            "Show the newest run of every hospital."),
    Command("report", "etl.cli.report", LOOK,
            "Write the validation reports of all nights and the lineage pages; print where the index is."),
    Command("office", "etl.cli.office", LOOK,
            "The office: the pages of the nights for people at a browser, and who may sign in."),
    Command("battery", "etl.cli.battery", LOOK,
            "Ask the published warehouse all 2,374 checks of OHDSI's Data Quality Dashboard and ours, in one go."),
    Command("findings", "etl.cli.findings", LOOK,
            "What is wrong at the hospitals over nights: see it, hand it to somebody, waive it, note what was done."),
    Command("audit", "etl.cli.audit", LOOK,
            "The audit log: who did what, when and why; whether it is whole; what is unusual in it."),
    Command("unmapped", "etl.cli.unmapped", LOOK,
            "List the codes that found no standard concept: what to map next, and how much each code would win."),
    Command("why", "etl.cli.why", LOOK,
            "Tell how a code is looked up, step by step, and why it ends where it does."),
    Command("trace", "etl.cli.trace", LOOK,
            "Trace a published CDM row to file, line and mapping entry; or, with --file, a line to its CDM rows."),
    Command("lineage", "etl.cli.lineage", LOOK,
            "Write what the mappings do as pages: diagram, every column of every CDM table, look-ups, rules, sources."),
    Command("sql", "etl.cli.sql", LOOK,
            "Query the published warehouse (read-only, one consistent night per hospital)."),
    Command("concept", "etl.cli.concept", LOOK,
            "Find concepts by a word of a name or synonym, a Korean name, a code or an id, and how often they occur."),
    Command("recipes", "etl.cli.recipes", LOOK,
            "Answer an analyst's usual questions: list the recipes, print one to change it, or run it."),
    Command("dictionary", "etl.cli.dictionary", LOOK,
            "Write the data dictionary: every table and field of the CDM, and what the warehouse holds in it."),
    Command("request", "etl.cli.request", LOOK,
            "Requests for data: from a researcher's form over the IRB and the data review board to the register, "
            "in one chain."),
    Command("register", "etl.cli.register", LOOK,
            "The register of pseudonymised processing that the law asks for: a line for every data set built."),
    Command("dataset", "etl.cli.dataset", LOOK,
            "Data sets: variables of a cohort, defined once, built of the published nights, version by version."),
    Command("achilles", "etl.cli.achilles", LOOK,
            "Compute OHDSI's Achilles on what is published, for ATLAS's data sources and for R."),
    Command("disclosure", "etl.cli.disclosure", LOOK,
            "What may leave a project space: the automatic rules of the check of results."),
    Command("output", "etl.cli.output", LOOK,
            "What leaves a project space: files are handed in, checked by rules and by two persons, released."),
    Command("space", "etl.cli.space", LOOK,
            "Project spaces: the data of an approved project, built for it alone and destroyed with it."),
    Command("export", "etl.cli.export", LOOK,
            "Write the whole published warehouse into one plain DuckDB file with primary keys."),
)  # fmt: skip
