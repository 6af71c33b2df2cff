-- Who is calling? The hot path: one round trip, an index for every step, row level security on.
-- The body of the answer is the contract's, times in milliseconds since the epoch.
create function public.get_contact_context_by_phone(p_workspace_id uuid, p_phone text)
returns jsonb
language plpgsql
-- Stable although it sets a parameter: it changes no data, and each of its statements is planned
-- once and reads the setting anew.
stable
security definer
set search_path = ''
-- The newest rows are read from the end of their index and no further than the limit. Left to its
-- statistics the planner may fetch a whole conversation and sort it, which one long one makes dear.
set enable_bitmapscan = off
as $$
declare
  answer jsonb;
begin
  perform set_config('app.workspace_id', coalesce(p_workspace_id::text, ''), true);

  select jsonb_build_object(
    'found', true,
    'contact', jsonb_build_object(
      'name', contact.name,
      'kapso_name', contact.kapso_name,
      'lead_status', contact.lead_status,
      'lead_score', contact.lead_score,
      'tags', contact.tags,
      'is_returning', conversation.last_message_at is not null,
      'first_contact_date', private.epoch_ms(contact.first_contact_date)
    ),
    'notes', array(
      select note.content
      from public.contact_notes note
      where note.contact_id = contact.id
      order by note.created_at desc, note.id desc
      limit 5
    ),
    'last_interaction', private.epoch_ms(conversation.last_message_at),
    'recent_messages', array(
      select jsonb_build_object(
        'content', message.content,
        'direction', message.direction,
        'created_at', private.epoch_ms(message.created_at)
      )
      from public.messages message
      where message.conversation_id = conversation.id
      order by message.created_at desc, message.id desc
      limit 10
    )
  )
  into answer
  from public.contacts contact
  left join public.conversations conversation on conversation.contact_id = contact.id
  where contact.workspace_id = p_workspace_id
    and contact.phone = regexp_replace(p_phone, '[^0-9]', '', 'g');

  return coalesce(
    answer,
    '{"found": false, "contact": null, "notes": [], "last_interaction": null, "recent_messages": []}'
  );
end
$$;

revoke execute on function public.get_contact_context_by_phone(uuid, text)
  from public, anon, authenticated;
grant execute on function public.get_contact_context_by_phone(uuid, text) to service_role;

-- A new owner needs CREATE on the schema for as long as it takes.
grant create on schema public to tenant_reader;
alter function public.get_contact_context_by_phone(uuid, text) owner to tenant_reader;
revoke create on schema public from tenant_reader;
