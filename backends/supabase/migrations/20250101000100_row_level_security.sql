-- Tenant isolation. Every table has row level security on, so whoever has no policy sees nothing.
--
-- The functions on the hot path run as tenant_reader and tenant_writer. These roles own no table
-- and cannot bypass row level security: a query that forgot its workspace filter would still
-- return rows of app.workspace_id only, and none while that is unset.

alter table public.workspaces enable row level security;
alter table public.workspace_members enable row level security;
alter table public.contacts enable row level security;
alter table public.conversations enable row level security;
alter table public.messages enable row level security;
alter table public.contact_notes enable row level security;
alter table public.seed_manifest enable row level security;

do $$
begin
  if not exists (select from pg_roles where rolname = 'tenant_reader') then
    create role tenant_reader nologin;
  end if;
  if not exists (select from pg_roles where rolname = 'tenant_writer') then
    create role tenant_writer nologin;
  end if;
end
$$;

-- On hosted Supabase migrations are not run by a superuser: giving a function to a role takes
-- membership in it.
grant tenant_reader, tenant_writer to current_user;

revoke all on
  public.workspaces, public.workspace_members, public.contacts, public.conversations,
  public.messages, public.contact_notes, public.seed_manifest
from anon, authenticated;

grant usage on schema public to service_role, tenant_reader, tenant_writer;

grant select, insert, update, delete on
  public.workspaces, public.workspace_members, public.contacts, public.conversations,
  public.messages, public.contact_notes, public.seed_manifest
to service_role;

grant select on
  public.contacts, public.conversations, public.messages, public.contact_notes
to tenant_reader;

grant select on public.workspaces to tenant_writer;
grant select, insert on public.contacts, public.messages to tenant_writer;
grant select, insert, update on public.conversations to tenant_writer;

-- The setting is '' rather than null once a transaction that set it has ended, hence nullif.
create policy tenant on public.contacts to tenant_reader, tenant_writer
  using (workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid);

create policy tenant on public.conversations to tenant_reader, tenant_writer
  using (workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid);

create policy tenant on public.messages to tenant_reader, tenant_writer
  using (workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid);

create policy tenant on public.contact_notes to tenant_reader
  using (workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid);

-- The webhook knows the gateway's number before it knows the tenant.
create policy gateway_number on public.workspaces for select to tenant_writer
  using (kapso_phone_id = nullif(current_setting('app.kapso_phone_id', true), ''));
