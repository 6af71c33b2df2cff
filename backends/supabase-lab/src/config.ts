/** Supabase Lite's configuration, from the environment alone: no key or address is written to a file. */
import { createPostgresConnection } from "@supabase/lite/postgres";

import { required } from "./environment.ts";

const MAX_PORT = 65_535;

function port(): number {
  const value = Number(required("SUPABASE_PORT"));
  if (!Number.isInteger(value) || value < 1 || value > MAX_PORT) {
    throw new Error(`SUPABASE_PORT must be a port number from 1 to ${MAX_PORT}`);
  }
  return value;
}

export default {
  api: { port: port() },
  connection: createPostgresConnection({
    url: required("SUPABASE_DB_URL"),
    // Lite writes each notice ("already exists, skipping") to the log as an object of ten lines.
    postgresOptions: { max: 16, onnotice: () => {} },
  }),
  auth: {
    enabled: false,
    publishable_key: required("SUPABASE_PUBLISHABLE_KEY"),
    secret_key: required("SUPABASE_SERVICE_ROLE_KEY"),
  },
};
