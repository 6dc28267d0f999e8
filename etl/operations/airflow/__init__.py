"""What the DAGs call: the work of each task, approvals, notices, a local installation; nothing else imports Airflow."""
