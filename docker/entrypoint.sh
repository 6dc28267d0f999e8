#!/bin/sh
# Hands secrets from files to the process it becomes. They are in no image, no compose file and no `docker inspect`,
# and nothing here prints them.
set -eu
umask 027

fail() {
  echo "entrypoint: $1" >&2
  exit 4
}

# VARIABLE_FILE names the file that holds VARIABLE; only these are looked at, as other programs have …_FILE settings too
for name in ETL_KEY_SECRET ETL_WAREHOUSE_URL ETL_ADMIN_URL AIRFLOW__DATABASE__SQL_ALCHEMY_CONN AIRFLOW__CORE__FERNET_KEY \
  AIRFLOW__API_AUTH__JWT_SECRET AIRFLOW__API__SECRET_KEY AIRFLOW__CELERY__BROKER_URL; do
  file=$(printenv "${name}_FILE" || true)
  [ -n "$file" ] || continue
  [ -r "$file" ] || fail "${name}_FILE: cannot read $file; run docker/secrets.sh first"
  value=$(cat "$file")
  [ -n "$value" ] || fail "${name}_FILE: $file is empty"
  export "$name=$value"
  unset "${name}_FILE"
done
unset value

# Airflow's simple auth manager opens its password file for writing, and a secret is read-only
if [ -n "${AIRFLOW_PASSWORDS:-}" ]; then
  [ -r "$AIRFLOW_PASSWORDS" ] || fail "AIRFLOW_PASSWORDS: cannot read $AIRFLOW_PASSWORDS; run docker/secrets.sh first"
  AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE="$AIRFLOW_HOME/passwords.json"
  export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE
  (umask 077 && cat "$AIRFLOW_PASSWORDS" >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")
fi

exec "$@"
