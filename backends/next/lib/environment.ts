const SECRETS = ["CRM_API_KEY", "KAPSO_WEBHOOK_SECRET", "SUPABASE_SERVICE_ROLE_KEY"] as const;
const ADDRESSES = ["CONVEX_URL", "SUPABASE_URL"] as const;

type SecretName = (typeof SECRETS)[number];
type AddressName = (typeof ADDRESSES)[number];

/** The service lacks a setting, or it has one that cannot be right. */
export class NotConfigured extends Error {
  override readonly name = "NotConfigured";
}

/** Read when asked, not at start: `next build` runs without the environment of `next start`. */
export function secret(name: SecretName): string {
  const value = process.env[name];
  if (!value) throw new NotConfigured(`${name} is not set`);
  return value;
}

export function address(name: AddressName): string {
  const value = process.env[name];
  if (!value) throw new NotConfigured(`${name} is not set`);
  const protocol = URL.parse(value)?.protocol;
  if (protocol !== "http:" && protocol !== "https:") {
    throw new NotConfigured(`${name} is not an http or https URL`);
  }
  return value.replace(/\/+$/, "");
}

/** The secrets that are set, for the log to leave out. */
export function knownSecrets(): string[] {
  return SECRETS.flatMap((name) => process.env[name] || []);
}
