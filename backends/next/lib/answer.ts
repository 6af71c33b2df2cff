/** What a handler answers; the headers are `withTiming`'s. */
export type Answer = { status: number; body: Record<string, unknown> };

export const NOT_CONFIGURED: Answer = { status: 500, body: { error: "Service not configured" } };
export const INTERNAL_ERROR: Answer = { status: 500, body: { error: "Internal server error" } };
