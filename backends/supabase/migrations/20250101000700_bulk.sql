-- Digests at the speed of the indexes, and statistics for whoever looks contacts up after a seed.

-- The digest of each seeded contact with all that belongs to it. As before, but every table is
-- reached by its index, one contact after the other, whatever the planner makes of their sizes: the
-- limit keeps it from reading all conversations for a thousand of them.
create or replace function private.contact_digests(p_start bigint, p_stop bigint)
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
  left join lateral (
    select talk.*
    from public.conversations talk
    where talk.contact_id = contact.id
    limit 1
  ) conversation on true
  where contact.seed_index >= p_start and contact.seed_index < p_stop
  order by contact.seed_index;
$$;

-- A table that was filled in bulk has no statistics until autovacuum comes by; until then lookups
-- may be planned badly. Only an owner may ANALYZE, hence the definer's rights.
create function public.dragstrip_analyze() returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  analyze
    public.workspaces, public.workspace_members, public.contacts, public.conversations,
    public.messages, public.contact_notes;
end
$$;

revoke execute on function public.dragstrip_analyze() from public, anon, authenticated;
grant execute on function public.dragstrip_analyze() to service_role;

-- next_index tells more.
drop function public.dragstrip_count(bigint, bigint);
