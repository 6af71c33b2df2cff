-- What `dragstrip seed` and `dragstrip verify` ask of the database, by seeded index, [start, stop).
-- They run with the caller's rights, and only service_role may call them.

-- One field of the canonical form: its text (U+001E for null), closed by U+001F.
create function private.field(value text) returns text
language sql immutable parallel safe
return coalesce(value, chr(30)) || chr(31);

-- The digest of each seeded contact with all that belongs to it.
create function private.contact_digests(p_start bigint, p_stop bigint)
returns table (index bigint, digest text)
language sql stable
set search_path = ''
as $$
  select
    contact.seed_index,
    encode(
      sha256(
        convert_to(
          private.field(contact.seed_index::text)
          || private.field(contact.id::text)
          || private.field(contact.workspace_id::text)
          || private.field(contact.phone)
          || private.field(contact.name)
          || private.field(contact.kapso_name)
          || private.field(contact.email)
          || private.field(contact.lead_status)
          || private.field(contact.lead_score::text)
          || private.field(cardinality(contact.tags)::text)
          || (
            select coalesce(string_agg(private.field(tag.value), '' order by tag.ordinality), '')
            from unnest(contact.tags) with ordinality as tag (value, ordinality)
          )
          || private.field(private.epoch_ms(contact.first_contact_date)::text)
          || private.field(private.epoch_ms(contact.created_at)::text)
          || case
            when conversation.id is null then private.field(null)
            else
              private.field(conversation.id::text)
              || private.field(conversation.status)
              || private.field(conversation.unread_count::text)
              || private.field(private.epoch_ms(conversation.last_message_at)::text)
              || private.field(conversation.last_message_preview)
              || private.field(private.epoch_ms(conversation.created_at)::text)
          end
          || (
            select
              private.field(count(*)::text)
              || coalesce(
                string_agg(
                  private.field(message.id::text)
                  || private.field(message.direction)
                  || private.field(message.sender_type)
                  || private.field(message.content)
                  || private.field(message.message_type)
                  || private.field(message.kapso_message_id)
                  || private.field(private.epoch_ms(message.created_at)::text),
                  ''
                  order by message.created_at, message.id
                ),
                ''
              )
            from public.messages message
            where message.conversation_id = conversation.id
          )
          || (
            select
              private.field(count(*)::text)
              || coalesce(
                string_agg(
                  private.field(note.id::text)
                  || private.field(note.author_id::text)
                  || private.field(note.content)
                  || private.field(private.epoch_ms(note.created_at)::text),
                  ''
                  order by note.created_at, note.id
                ),
                ''
              )
            from public.contact_notes note
            where note.contact_id = contact.id
          ),
          'UTF8'
        )
      ),
      'hex'
    )
  from public.contacts contact
  left join public.conversations conversation on conversation.contact_id = contact.id
  where contact.seed_index >= p_start and contact.seed_index < p_stop
  order by contact.seed_index;
$$;

-- [{index, digest}], by index.
create function public.dragstrip_contact_digests(p_start bigint, p_stop bigint) returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(jsonb_build_object('index', contact.index, 'digest', contact.digest) order by contact.index),
    '[]'
  )
  from private.contact_digests(p_start, p_stop) contact;
$$;

-- [{start, contacts, digest}], by start: one for each run of 128 indices that holds a contact.
-- Runs are aligned at multiples of 128; a start or stop within one cuts it short.
create function public.dragstrip_range_digests(p_start bigint, p_stop bigint) returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object('start', range.start, 'contacts', range.contacts, 'digest', range.digest)
      order by range.start
    ),
    '[]'
  )
  from (
    select
      contact.index / 128 * 128 as start,
      count(*) as contacts,
      encode(
        sha256(
          convert_to(
            string_agg(contact.index || ':' || contact.digest || chr(10), '' order by contact.index),
            'UTF8'
          )
        ),
        'hex'
      ) as digest
    from private.contact_digests(p_start, p_stop) contact
    group by contact.index / 128
  ) range;
$$;

-- Context[], by index: contact, conversation or null, messages and notes oldest first, times in ms.
create function public.dragstrip_read_contexts(p_start bigint, p_stop bigint) returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'index', contact.seed_index,
        'contact', jsonb_build_object(
          'id', contact.id,
          'workspace_id', contact.workspace_id,
          'phone', contact.phone,
          'name', contact.name,
          'kapso_name', contact.kapso_name,
          'email', contact.email,
          'lead_status', contact.lead_status,
          'lead_score', contact.lead_score,
          'tags', contact.tags,
          'first_contact_date', private.epoch_ms(contact.first_contact_date),
          'created_at', private.epoch_ms(contact.created_at)
        ),
        'conversation', case
          when conversation.id is not null then jsonb_build_object(
            'id', conversation.id,
            'status', conversation.status,
            'unread_count', conversation.unread_count,
            'last_message_at', private.epoch_ms(conversation.last_message_at),
            'last_message_preview', conversation.last_message_preview,
            'created_at', private.epoch_ms(conversation.created_at)
          )
        end,
        'messages', array(
          select jsonb_build_object(
            'id', message.id,
            'direction', message.direction,
            'sender_type', message.sender_type,
            'content', message.content,
            'message_type', message.message_type,
            'kapso_message_id', message.kapso_message_id,
            'created_at', private.epoch_ms(message.created_at)
          )
          from public.messages message
          where message.conversation_id = conversation.id
          order by message.created_at, message.id
        ),
        'notes', array(
          select jsonb_build_object(
            'id', note.id,
            'author_id', note.author_id,
            'content', note.content,
            'created_at', private.epoch_ms(note.created_at)
          )
          from public.contact_notes note
          where note.contact_id = contact.id
          order by note.created_at, note.id
        )
      )
      order by contact.seed_index
    ),
    '[]'
  )
  from public.contacts contact
  left join public.conversations conversation on conversation.contact_id = contact.id
  where contact.seed_index >= p_start and contact.seed_index < p_stop;
$$;

create function public.dragstrip_count(p_start bigint, p_stop bigint) returns bigint
language sql stable
set search_path = ''
as $$
  select count(*)
  from public.contacts contact
  where contact.seed_index >= p_start and contact.seed_index < p_stop;
$$;

-- Children go with their contact.
create function public.dragstrip_delete_contexts(p_start bigint, p_stop bigint) returns bigint
language sql
set search_path = ''
as $$
  with deleted as (
    delete from public.contacts contact
    where contact.seed_index >= p_start and contact.seed_index < p_stop
    returning contact.id
  )
  select count(*) from deleted;
$$;

-- Members go with their workspace; a workspace that still has a contact stays.
create function public.dragstrip_delete_workspaces(p_ids uuid[]) returns bigint
language sql
set search_path = ''
as $$
  with deleted as (
    delete from public.workspaces workspace
    where workspace.id = any (p_ids)
      and not exists (
        select from public.contacts contact where contact.workspace_id = workspace.id
      )
    returning workspace.id
  )
  select count(*) from deleted;
$$;

revoke execute on function
  private.field(text),
  private.contact_digests(bigint, bigint)
from public;

revoke execute on function
  public.dragstrip_contact_digests(bigint, bigint),
  public.dragstrip_range_digests(bigint, bigint),
  public.dragstrip_read_contexts(bigint, bigint),
  public.dragstrip_count(bigint, bigint),
  public.dragstrip_delete_contexts(bigint, bigint),
  public.dragstrip_delete_workspaces(uuid[])
from public, anon, authenticated;

grant execute on function
  private.field(text),
  private.contact_digests(bigint, bigint),
  public.dragstrip_contact_digests(bigint, bigint),
  public.dragstrip_range_digests(bigint, bigint),
  public.dragstrip_read_contexts(bigint, bigint),
  public.dragstrip_count(bigint, bigint),
  public.dragstrip_delete_contexts(bigint, bigint),
  public.dragstrip_delete_workspaces(uuid[])
to service_role;
