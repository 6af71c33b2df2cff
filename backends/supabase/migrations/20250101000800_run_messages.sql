-- What a race that writes asks afterwards: which of its messages are stored, what they made of the
-- contacts, and their removal. A run's messages have ids of one prefix and a number of ten digits.

-- The messages of a run by number. Ids with something after their number count under it too.
create function private.run_messages(p_prefix text, p_start bigint, p_stop bigint)
returns table (number bigint, id text)
language sql stable
set search_path = ''
as $$
  select
    substr(message.kapso_message_id, length(p_prefix) + 1, 10)::bigint,
    message.kapso_message_id
  from public.messages message
  where message.kapso_message_id >= p_prefix || lpad(p_start::text, 10, '0')
    and message.kapso_message_id < p_prefix || lpad(p_stop::text, 10, '0')
    and substr(message.kapso_message_id, length(p_prefix) + 1, 10) ~ '^[0-9]{10}$';
$$;

-- [{start, messages, digest}], by start: one for each 1,024 numbers that hold a message.
create function public.dragstrip_message_digests(p_prefix text, p_start bigint, p_stop bigint)
returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object('start', range.start, 'messages', range.messages, 'digest', range.digest)
      order by range.start
    ),
    '[]'
  )
  from (
    select
      message.number / 1024 * 1024 as start,
      count(*) as messages,
      encode(
        sha256(
          convert_to(string_agg(message.id || chr(10), '' order by message.number, message.id), 'UTF8')
        ),
        'hex'
      ) as digest
    from private.run_messages(p_prefix, p_start, p_stop) message
    group by message.number / 1024
  ) range;
$$;

-- The ids, as often as they are stored.
create function public.dragstrip_message_ids(p_prefix text, p_start bigint, p_stop bigint)
returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(message.id order by message.number, message.id), '[]')
  from private.run_messages(p_prefix, p_start, p_stop) message;
$$;

-- [{phone, digest}] of the contacts with these numbers: the digest of a contact as in
-- private.contact_digests, with blanks for what the database chose itself, so that it can be
-- predicted: ids and times of rows that a message created, and the ids of messages.
create function public.dragstrip_state_digests(p_workspace_id uuid, p_phones text[]) returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'phone', contact.phone,
        'digest', encode(
          sha256(
            convert_to(
              private.field(coalesce(contact.seed_index, -1)::text)
              || private.field(case when contact.seed_index is null then '' else contact.id::text end)
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
              || case
                when contact.seed_index is null then private.field('0') || private.field('0')
                else
                  private.field(private.epoch_ms(contact.first_contact_date)::text)
                  || private.field(private.epoch_ms(contact.created_at)::text)
              end
              || case
                when conversation.id is null then private.field(null)
                else
                  private.field('')
                  || private.field(conversation.status)
                  || private.field(conversation.unread_count::text)
                  || private.field(private.epoch_ms(conversation.last_message_at)::text)
                  || private.field(conversation.last_message_preview)
                  || private.field('0')
              end
              || (
                select
                  private.field(count(*)::text)
                  || coalesce(
                    string_agg(
                      private.field('')
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
      )
      order by contact.phone
    ),
    '[]'
  )
  from public.contacts contact
  left join lateral (
    select talk.*
    from public.conversations talk
    where talk.contact_id = contact.id
    limit 1
  ) conversation on true
  where contact.workspace_id = p_workspace_id and contact.phone = any (p_phones);
$$;

-- Removes up to p_limit messages whose ids have the prefix, and the contacts that nobody seeded and
-- that nothing else belongs to. {deleted, more}; a seeded contact's conversation is left to the seeder.
create function public.dragstrip_remove_messages(p_prefix text, p_limit integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_ids uuid[];
  v_conversations uuid[];
begin
  select array_agg(found.id), array_agg(distinct found.conversation_id)
  into v_ids, v_conversations
  from (
    select message.id, message.conversation_id
    from public.messages message
    where message.kapso_message_id >= p_prefix
      and message.kapso_message_id < p_prefix || 'zz'
      and starts_with(message.kapso_message_id, p_prefix)
    limit p_limit
  ) found;

  delete from public.contacts contact
  using public.conversations conversation
  where conversation.id = any (v_conversations)
    and contact.id = conversation.contact_id
    and contact.seed_index is null
    and not exists (
      select from public.messages message
      where message.conversation_id = conversation.id
        and not starts_with(coalesce(message.kapso_message_id, ''), p_prefix)
    )
    and not exists (
      select from public.contact_notes note where note.contact_id = contact.id
    );
  delete from public.messages message where message.id = any (v_ids);

  return jsonb_build_object(
    'deleted', coalesce(cardinality(v_ids), 0),
    'more', coalesce(cardinality(v_ids), 0) >= p_limit
  );
end
$$;

revoke execute on function
  private.run_messages(text, bigint, bigint),
  public.dragstrip_message_digests(text, bigint, bigint),
  public.dragstrip_message_ids(text, bigint, bigint),
  public.dragstrip_state_digests(uuid, text[]),
  public.dragstrip_remove_messages(text, integer)
from public;

revoke execute on function
  public.dragstrip_message_digests(text, bigint, bigint),
  public.dragstrip_message_ids(text, bigint, bigint),
  public.dragstrip_state_digests(uuid, text[]),
  public.dragstrip_remove_messages(text, integer)
from anon, authenticated;

grant execute on function
  private.run_messages(text, bigint, bigint),
  public.dragstrip_message_digests(text, bigint, bigint),
  public.dragstrip_message_ids(text, bigint, bigint),
  public.dragstrip_state_digests(uuid, text[]),
  public.dragstrip_remove_messages(text, integer)
to service_role;
