#!/bin/sh
# Run a command with the keys in its environment.
set -eu
CRM_API_KEY=$(cat /keys/crm_api_key)
KAPSO_WEBHOOK_SECRET=$(cat /keys/kapso_webhook_secret)
SUPABASE_SERVICE_ROLE_KEY=$(cat /keys/service_role_key)
export CRM_API_KEY KAPSO_WEBHOOK_SECRET SUPABASE_SERVICE_ROLE_KEY
exec "$@"
