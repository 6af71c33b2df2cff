#!/usr/bin/env bash
# Deploy the functions and give them their keys.
set -euo pipefail
CONVEX_SELF_HOSTED_ADMIN_KEY=$(cat /keys/convex_admin_key)
export CONVEX_SELF_HOSTED_ADMIN_KEY
unset CONVEX_DEPLOYMENT

# From files: no command line ever holds a key.
npx --no-install convex env set CRM_API_KEY --from-file /keys/crm_api_key --force
npx --no-install convex env set KAPSO_WEBHOOK_SECRET --from-file /keys/kapso_webhook_secret --force
# Types are checked before a release, by `make test`.
npx --no-install convex deploy --yes --typecheck disable
