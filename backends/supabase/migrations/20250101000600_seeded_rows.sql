-- What seeding, resetting and verifying need beside the digests: where seeded contacts are, and
-- what the workspaces look like. A file of its own: databases that have the ones before it get it.

-- The smallest seeded index from p_start on, or null.
create function public.dragstrip_next_index(p_start bigint) returns bigint
language sql stable
set search_path = ''
as $$
  select min(contact.seed_index)
  from public.contacts contact
  where contact.seed_index >= p_start;
$$;

-- Workspace[] with members, oldest first; in the order of the ids, the absent ones left out.
create function public.dragstrip_read_workspaces(p_ids uuid[]) returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'id', workspace.id,
        'name', workspace.name,
        'slug', workspace.slug,
        'kapso_phone_id', workspace.kapso_phone_id,
        'created_at', private.epoch_ms(workspace.created_at),
        'members', array(
          select jsonb_build_object(
            'id', member.id,
            'user_id', member.user_id,
            'role', member.role,
            'created_at', private.epoch_ms(member.created_at)
          )
          from public.workspace_members member
          where member.workspace_id = workspace.id
          order by member.created_at, member.id
        )
      )
      order by wanted.place
    ),
    '[]'
  )
  from unnest(p_ids) with ordinality as wanted (id, place)
  join public.workspaces workspace on workspace.id = wanted.id;
$$;

revoke execute on function
  public.dragstrip_next_index(bigint),
  public.dragstrip_read_workspaces(uuid[])
from public, anon, authenticated;

grant execute on function
  public.dragstrip_next_index(bigint),
  public.dragstrip_read_workspaces(uuid[])
to service_role;
