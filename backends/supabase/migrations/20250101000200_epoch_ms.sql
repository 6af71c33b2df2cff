-- Helpers that the REST API must not expose live here.
create schema if not exists private;

-- Milliseconds since the epoch. extract() returns an exact numeric; floor() keeps instants before
-- 1970 and stray microseconds on the same side. Stable, not immutable, as extract() on a
-- timestamptz is: only then is it inlined.
create function private.epoch_ms(instant timestamptz) returns bigint
language sql stable parallel safe
return floor(extract(epoch from instant) * 1000)::bigint;

-- The inverse.
create function private.from_epoch_ms(ms bigint) returns timestamptz
language sql stable parallel safe
return timestamptz 'epoch' + ms * interval '1 millisecond';

revoke execute on function private.epoch_ms(timestamptz), private.from_epoch_ms(bigint) from public;
grant usage on schema private to service_role, tenant_reader, tenant_writer;
grant execute on function private.epoch_ms(timestamptz), private.from_epoch_ms(bigint)
  to service_role, tenant_reader, tenant_writer;
