/** Contact contexts as the seeder sends them: enough like real ones to time a lookup. */

const NAMES = ["Siti Rahayu", "Budi Santoso", "Agus Wijaya", "Putri Lestari", "Emma Clarke", "José Álvarez"];
const WORKSPACES = 10;
const DAY_MS = 86_400_000;
const EPOCH_MS = Date.UTC(2025, 0, 1);

function uuid(kind: number, index: number, child = 0): string {
  const hex = (value: number, length: number) => value.toString(16).padStart(length, "0");
  return `${hex(kind, 8)}-${hex(child, 4)}-4000-8000-${hex(index, 12)}`;
}

export function workspaces() {
  return Array.from({ length: WORKSPACES }, (_, i) => ({
    id: uuid(1, i),
    name: `Workspace ${i}`,
    slug: `workspace-${i}`,
    kapso_phone_id: String(100_000_000_000_000 + i),
    created_at: EPOCH_MS,
    members: [{ id: uuid(2, i), user_id: uuid(3, i), role: "owner", created_at: EPOCH_MS }],
  }));
}

export function phoneOf(index: number): string {
  return `62${8_110_000_000 + index}`;
}

export function workspaceOf(index: number): string {
  return uuid(1, index % WORKSPACES);
}

/** 3 messages and 1 note on average; one contact in ten has no conversation. */
export function contextOf(index: number) {
  const created_at = EPOCH_MS + (index % 300) * DAY_MS;
  const hasConversation = index % 10 !== 0;
  const messages = hasConversation ? Array.from({ length: 1 + (index % 5) }, (_, i) => messageOf(index, i, created_at)) : [];
  const last = messages.at(-1);
  return {
    index,
    contact: {
      id: uuid(4, index),
      workspace_id: workspaceOf(index),
      phone: phoneOf(index),
      name: NAMES[index % NAMES.length]!,
      kapso_name: `user.${index}`,
      email: index % 3 === 0 ? null : `user.${index}@example.com`,
      lead_status: ["new", "cold", "warm", "hot"][index % 4]!,
      lead_score: index % 101,
      tags: ["ielts", "australia"].slice(0, index % 3),
      first_contact_date: created_at,
      created_at,
    },
    conversation: hasConversation
      ? { id: uuid(5, index), status: "open", unread_count: index % 4, last_message_at: last!.created_at, last_message_preview: last!.content, created_at }
      : null,
    messages,
    notes: Array.from({ length: index % 3 }, (_, i) => ({
      id: uuid(7, index, i),
      author_id: null,
      content: `Note ${i}: asked about the intake in February, wants to be called back.`,
      created_at: created_at + i * 1000,
    })),
  };
}

function messageOf(index: number, child: number, start: number) {
  return {
    id: uuid(6, index, child),
    direction: child % 2 === 0 ? "inbound" : "outbound",
    sender_type: child % 2 === 0 ? "contact" : "agent",
    content: `Message ${child} of contact ${index}: is the scholarship still open for this year?`,
    message_type: "text",
    kapso_message_id: null,
    created_at: start + child * 60_000,
  };
}
