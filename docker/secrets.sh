#!/bin/sh
# Makes the secrets of compose.yaml in docker/secrets, each once: what is there already stays as it is.
#
#   docker/secrets.sh          make what is missing
#
# The folder is its owner's alone (0700). The files in it can be read (0444), as a container's user is another one: it
# reaches a file only if compose.yaml gives it to its service.
set -eu
umask 077
folder="$(dirname "$0")/secrets"
mkdir -p "$folder"
chmod 0700 "$folder"

# random bytes as hexadecimal digits: safe in URLs, JSON and configuration files
random() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }

# stdin becomes the secret $1, wholly or not at all
keep() {
  cat >"$folder/.$1"
  [ -s "$folder/.$1" ] || { echo "secrets.sh: nothing came for $1" >&2 && exit 5; }
  chmod 0444 "$folder/.$1"
  mv "$folder/.$1" "$folder/$1"
  echo "made docker/secrets/$1"
}

absent() { [ ! -e "$folder/$1" ]; }
read_secret() { cat "$folder/$1"; }

absent key_secret && random 32 | keep key_secret
absent postgres_password && random 24 | keep postgres_password
absent warehouse_password && random 24 | keep warehouse_password
absent office_password && random 24 | keep office_password
absent airflow_password && random 24 | keep airflow_password
absent broker_password && random 24 | keep broker_password
absent jwt_secret && random 64 | keep jwt_secret
absent api_secret_key && random 32 | keep api_secret_key
# Fernet takes 32 bytes in the alphabet of base64 for URLs
absent fernet_key && head -c 32 /dev/urandom | base64 | tr '+/' '-_' | keep fernet_key
absent warehouse_url &&
  printf 'postgresql+psycopg://etl:%s@postgres:5432/warehouse' "$(read_secret warehouse_password)" | keep warehouse_url
absent admin_url &&
  printf 'postgresql+psycopg://postgres:%s@postgres:5432/warehouse' "$(read_secret postgres_password)" | keep admin_url
absent office_url &&
  printf 'postgresql+psycopg://omop_office:%s@postgres:5432/warehouse' "$(read_secret office_password)" | keep office_url
absent airflow_url &&
  printf 'postgresql+psycopg2://airflow:%s@postgres:5432/airflow' "$(read_secret airflow_password)" | keep airflow_url
absent broker_url && printf 'redis://:%s@broker:6379/0' "$(read_secret broker_password)" | keep broker_url
absent broker_conf &&
  printf 'requirepass %s\nsave ""\nappendonly no\nprotected-mode yes\n' "$(read_secret broker_password)" | keep broker_conf
absent airflow_passwords &&
  printf '{"admin": "%s", "duty": "%s", "reader": "%s"}\n' "$(random 12)" "$(random 12)" "$(random 12)" |
  keep airflow_passwords

echo "secrets are in docker/secrets; back up key_secret apart from the data:"
echo "with another one every patient would get another id, and the key stores refuse it"
