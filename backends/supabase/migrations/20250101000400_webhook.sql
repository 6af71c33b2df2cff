-- The effect of one WhatsApp message, in one transaction, however often it is delivered.
-- Answers 'stored', 'duplicate', or 'unknown_phone_number_id' when no workspace owns that number.
create function public.ingest_kapso_message(
  p_kapso_phone_id text,
  p_phone text,
  p_contact_name text,
  p_message_id text,
  p_direction text,
  p_message_type text,
  p_content text,
  p_sent_at_ms bigint
)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_workspace_id uuid;
  v_contact_id uuid;
  v_conversation_id uuid;
  v_phone text := regexp_replace(p_phone, '[^0-9]', '', 'g');
  v_sent_at timestamptz := private.from_epoch_ms(p_sent_at_ms);
begin
  perform set_config('app.kapso_phone_id', p_kapso_phone_id, true);
  select workspace.id into v_workspace_id
  from public.workspaces workspace
  where workspace.kapso_phone_id = p_kapso_phone_id;
  if not found then
    return 'unknown_phone_number_id';
  end if;
  perform set_config('app.workspace_id', v_workspace_id::text, true);

  if exists (
    select from public.messages message where message.kapso_message_id = p_message_id
  ) then
    return 'duplicate';
  end if;

  -- Each statement sees what has been committed meanwhile. When another delivery wins the race to
  -- insert, `do nothing` waits for it, and the next turn of the loop finds its row.
  loop
    select contact.id into v_contact_id
    from public.contacts contact
    where contact.workspace_id = v_workspace_id and contact.phone = v_phone;
    exit when found;
    insert into public.contacts (workspace_id, phone, kapso_name, first_contact_date)
    values (v_workspace_id, v_phone, p_contact_name, v_sent_at)
    on conflict (workspace_id, phone) do nothing;
  end loop;

  loop
    select conversation.id into v_conversation_id
    from public.conversations conversation
    where conversation.contact_id = v_contact_id;
    exit when found;
    insert into public.conversations (workspace_id, contact_id)
    values (v_workspace_id, v_contact_id)
    on conflict (contact_id) do nothing;
  end loop;

  insert into public.messages (
    workspace_id, conversation_id, direction, sender_type, content, message_type,
    kapso_message_id, created_at
  )
  values (
    v_workspace_id, v_conversation_id, p_direction,
    case p_direction when 'inbound' then 'contact' else 'agent' end,
    p_content, p_message_type, p_message_id, v_sent_at
  )
  on conflict (kapso_message_id) do nothing;
  if not found then
    return 'duplicate';
  end if;

  -- Deliveries arrive out of order: the preview and the time belong to the newest message.
  update public.conversations conversation
  set
    unread_count = conversation.unread_count + (p_direction = 'inbound')::integer,
    last_message_preview = case
      when conversation.last_message_at >= v_sent_at then conversation.last_message_preview
      else left(p_content, 100)
    end,
    last_message_at = greatest(conversation.last_message_at, v_sent_at)
  where conversation.id = v_conversation_id;

  return 'stored';
end
$$;

revoke execute on function
  public.ingest_kapso_message(text, text, text, text, text, text, text, bigint)
from public, anon, authenticated;
grant execute on function
  public.ingest_kapso_message(text, text, text, text, text, text, text, bigint)
to service_role;

grant create on schema public to tenant_writer;
alter function public.ingest_kapso_message(text, text, text, text, text, text, text, bigint)
  owner to tenant_writer;
revoke create on schema public from tenant_writer;
