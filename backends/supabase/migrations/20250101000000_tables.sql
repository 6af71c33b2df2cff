-- Six tables of the CRM, and one for the harness's own bookkeeping.

-- Supabase has these three roles; a plain PostgreSQL behind PostgREST may not.
do $$
begin
  if not exists (select from pg_roles where rolname = 'anon') then
    create role anon nologin noinherit;
  end if;
  if not exists (select from pg_roles where rolname = 'authenticated') then
    create role authenticated nologin noinherit;
  end if;
  if not exists (select from pg_roles where rolname = 'service_role') then
    create role service_role nologin noinherit bypassrls;
  end if;
end
$$;

create table public.workspaces (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  slug text not null unique,
  kapso_phone_id text not null unique,
  created_at timestamptz not null default date_trunc('milliseconds', now())
);

create table public.workspace_members (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references public.workspaces (id) on delete cascade,
  user_id uuid not null,
  role text not null check (role in ('owner', 'admin', 'agent')),
  created_at timestamptz not null default date_trunc('milliseconds', now()),
  unique (workspace_id, user_id)
);

create table public.contacts (
  id uuid primary key default gen_random_uuid(),
  -- No cascade: removing a workspace must not remove its customers by accident.
  workspace_id uuid not null references public.workspaces (id),
  phone text not null check (phone ~ '^[0-9]+$'),
  name text,
  kapso_name text,
  email text,
  lead_status text not null default 'new'
    check (lead_status in ('new', 'cold', 'warm', 'hot', 'converted', 'lost')),
  lead_score integer not null default 0 check (lead_score between 0 and 100),
  tags text[] not null default '{}',
  first_contact_date timestamptz not null,
  created_at timestamptz not null default date_trunc('milliseconds', now()),
  -- Set on seeded rows only, so that `seed --reset` removes what it seeded and nothing else.
  seed_index bigint check (seed_index >= 0),
  -- Serves the lookup, and lets two deliveries for a new number create one contact.
  unique (workspace_id, phone),
  -- Lets children refer to contact and workspace together: a child cannot be in another tenant.
  unique (id, workspace_id)
);

create unique index contacts_seed_index_key on public.contacts (seed_index)
  where seed_index is not null;

create table public.conversations (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null,
  contact_id uuid not null unique,
  status text not null default 'open' check (status in ('open', 'pending', 'closed')),
  unread_count integer not null default 0 check (unread_count >= 0),
  last_message_at timestamptz,
  last_message_preview text,
  created_at timestamptz not null default date_trunc('milliseconds', now()),
  unique (id, workspace_id),
  foreign key (contact_id, workspace_id)
    references public.contacts (id, workspace_id) on delete cascade
);

create table public.messages (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null,
  conversation_id uuid not null,
  direction text not null check (direction in ('inbound', 'outbound')),
  sender_type text not null check (sender_type in ('contact', 'agent', 'bot')),
  content text not null,
  message_type text not null default 'text',
  -- Kapso delivers at least once; this makes it store once.
  kapso_message_id text unique,
  created_at timestamptz not null default date_trunc('milliseconds', now()),
  foreign key (conversation_id, workspace_id)
    references public.conversations (id, workspace_id) on delete cascade
);

-- Read backwards: newest first, with the id as the tie-break the lookup orders by.
create index messages_conversation_id_created_at_idx
  on public.messages (conversation_id, created_at, id);

create table public.contact_notes (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null,
  contact_id uuid not null,
  -- A workspace_members.user_id; kept when the member leaves, hence no foreign key.
  author_id uuid,
  content text not null,
  created_at timestamptz not null default date_trunc('milliseconds', now()),
  foreign key (contact_id, workspace_id)
    references public.contacts (id, workspace_id) on delete cascade
);

create index contact_notes_contact_id_created_at_idx
  on public.contact_notes (contact_id, created_at, id);

-- What the harness has seeded: lets `dragstrip verify` tell which dataset is here.
create table public.seed_manifest (
  key text primary key check (key = 'dragstrip'),
  seed bigint not null,
  contacts bigint not null check (contacts >= 0),
  digest text not null,
  generator text not null,
  state text not null check (state in ('seeding', 'complete')),
  updated_at timestamptz not null default now()
);
