declare const process: { readonly env: Readonly<Record<string, string | undefined>> };

type SecretName = "CRM_API_KEY" | "KAPSO_WEBHOOK_SECRET" | "SEED_SECRET";

/** The secret of that name, or null when the deployment has none (an empty one counts as none). */
export function secretFromEnvironment(name: SecretName): string | null {
  return process.env[name] || null;
}

/**
 * Compares in a time that depends on the length of `given` alone, which whoever
 * sends it knows anyway. The Convex runtime has no `timingSafeEqual`.
 */
export function equalInConstantTime(given: string, expected: string): boolean {
  let difference = given.length ^ expected.length;
  for (let i = 0; i < given.length; i += 1) {
    difference |= given.charCodeAt(i) ^ expected.charCodeAt(i % expected.length);
  }
  return difference === 0;
}
