"""The command line `etl`: the same stages as the Airflow DAGs, and what one needs around them."""

from etl.cli.app import app

__all__ = ["app"]
