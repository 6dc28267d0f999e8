#!/bin/sh
# The profile `demo`: generated exports of the eight hospitals, the demonstration vocabulary, and every night triggered.
set -eu
night=$(date +%F)
patients=${DEMO_PATIENTS:-1000}
package=$(python -c 'import importlib.util; print(importlib.util.find_spec("etl").submodule_search_locations[0])')

echo "writing sample exports of eight hospitals, $patients patients each"
etl sample "$ETL_HOME/exports" --patients "$patients" --seed 1 --night "$night"
echo "loading the demonstration vocabulary"
etl vocabulary load "$package/sample/vocabulary"
for folder in "$ETL_HOME"/exports/*/; do
  hospital=$(basename "$folder")
  echo "triggering the night of $hospital"
  airflow dags trigger "etl_$hospital" --conf "{\"night\": \"$night\"}" --output plain >/dev/null
done
echo "the nights are running; watch them at http://127.0.0.1:${DEMO_PORT:-8080}"
