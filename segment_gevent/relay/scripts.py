"""What Redis does in one step for the relays, in Lua. Each uses the keys that it is given, and no other.

At `maxmemory` Redis refuses a command that may grow, unless its script has written something by then. A relay is what
makes room there, so each script's first change takes something away, if only what it then sets anew.
"""

from __future__ import annotations

ADMIT = """
-- KEYS: rate, pause. ARGV: microseconds a request, those that a burst may be ahead, those that a request may wait.
-- Answers microseconds of a rate limit that is on, and those until its turn; it is booked if it may wait for so long.
local paused = redis.call('PTTL', KEYS[2])
if paused > 0 then return {paused * 1000, 0} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local booked = tonumber(redis.call('GET', KEYS[1]) or 0)
local start = math.max(booked, now - ARGV[2])
local ahead = math.max(0, start - now)
if ahead > tonumber(ARGV[3]) then return {0, ahead} end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], string.format('%d', start + ARGV[1]), 'PX', 60000)
return {0, ahead}
"""
"""A leaky bucket (GCRA): one number, the time up to which requests are booked. Idle time is worth a burst at most."""

PAUSE = """
-- KEYS: pause. ARGV: milliseconds. A longer one that is on stays.
if redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[1]) then return end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
"""

CREATE = """
-- KEYS: stream. ARGV: group. There can be no entry 0-1.
redis.call('XDEL', KEYS[1], '0-1')
return redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
"""

FINISH = """
-- KEYS: stream, dead letters, counts. ARGV: group, how many ids, these; how many counts, for each its name and number;
-- then for each dead letter how many arguments it has, and these: fields and values.
local at = 2
local function following()
  local given = {unpack(ARGV, at + 1, at + ARGV[at])}
  at = at + ARGV[at] + 1
  return given
end
local ids = following()
redis.call('XACK', KEYS[1], ARGV[1], unpack(ids))
if redis.call('XDEL', KEYS[1], unpack(ids)) == 0 then return end
local counts = following()
for n = 1, #counts, 2 do redis.call('HINCRBY', KEYS[3], counts[n], counts[n + 1]) end
while ARGV[at] do redis.call('XADD', KEYS[2], '*', unpack(following())) end
"""
"""What is done leaves the stream, and what of it could not be delivered becomes dead letters: once, since a relay that
got no answer asks again."""

TRIM = """
-- KEYS: stream, counts. ARGV: entries that may stay, what to call the count, the group or '', the most messages that an
-- entry may say it has: HINCRBY takes no fraction, and no number past 64 bits. Answers messages lost.
local over = redis.call('XLEN', KEYS[1]) - ARGV[1]
if over <= 0 then return {0, 0} end
local lost = 0
local entries = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', math.min(over, 100))
for _, entry in ipairs(entries) do
  for at = 1, #entry[2], 2 do
    local said = entry[2][at] == 'n' and tonumber(entry[2][at + 1])
    if said and said >= 0 and said <= tonumber(ARGV[4]) then lost = lost + math.floor(said) end
  end
  if ARGV[3] ~= '' then redis.call('XACK', KEYS[1], ARGV[3], entry[1]) end
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', redis.call('XLEN', KEYS[1]) - #entries)
redis.call('HINCRBY', KEYS[2], ARGV[2], lost)
return {#entries, lost}
"""
"""Past a bound the oldest go, 100 entries at a time, and what they held is counted in the same step."""

LEAVE = """
-- KEYS: stream. ARGV: group, consumer. Only without entries of its own: those would go with it.
for _, each in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local about = {}
  for at = 1, #each, 2 do about[each[at]] = each[at + 1] end
  if about['name'] == ARGV[2] and about['pending'] == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
    return 1
  end
end
return 0
"""

REQUEUE = """
-- KEYS: dead letters, stream. ARGV: the letter's id, then the fields of a new entry. Not twice, whoever asks; without
-- a field it stays.
if not ARGV[2] or redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 2))
return 1
"""
