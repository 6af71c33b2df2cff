#!/usr/bin/env bash
# Apply backends/supabase/migrations, each once and in one transaction, and let PostgREST log in.
# Which ones are applied is kept where the Supabase CLI keeps it.
set -euo pipefail

export KEYS=${KEYS:-/keys}
MIGRATIONS=${MIGRATIONS:-/migrations}
PGPASSWORD=$(cat "$KEYS/postgres_password")
export PGPASSWORD

run_sql() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }

run_sql <<'SQL'
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (
  version text primary key,
  statements text[],
  name text
);
SQL

is_applied() {
  run_sql --tuples-only --no-align --set version="$1" <<'SQL' | grep --quiet .
select 1 from supabase_migrations.schema_migrations where version = :'version';
SQL
}

for file in "$MIGRATIONS"/*.sql; do
  base=$(basename "$file" .sql)
  version=${base%%_*}
  if is_applied "$version"; then
    continue
  fi
  echo "applying $base"
  run_sql --single-transaction --set file="$file" --set version="$version" \
    --set name="${base#*_}" <<'SQL'
\i :file
insert into supabase_migrations.schema_migrations (version, name) values (:'version', :'name');
SQL
done

# psql reads the password from the file itself: no command line ever holds it.
run_sql --single-transaction <<'SQL'
\set password `cat "$KEYS/authenticator_password"`
select not exists (select from pg_roles where rolname = 'authenticator') as is_missing \gset
\if :is_missing
create role authenticator login noinherit;
\endif
alter role authenticator password :'password';
grant anon, authenticated, service_role to authenticator;
SQL
echo "the database is ready"
