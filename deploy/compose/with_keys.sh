#!/bin/sh
# Run a command with the keys in its environment.
set -eu
KEYS=${KEYS:-/keys}
CRM_API_KEY=$(cat "$KEYS/crm_api_key")
KAPSO_WEBHOOK_SECRET=$(cat "$KEYS/kapso_webhook_secret")
SUPABASE_SERVICE_ROLE_KEY=$(cat "$KEYS/service_role_key")
export CRM_API_KEY KAPSO_WEBHOOK_SECRET SUPABASE_SERVICE_ROLE_KEY
exec "$@"
