"""What Airflow needs: the plan of every hospital's nights, the work of each task, and a local installation."""
