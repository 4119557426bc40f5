-- Token buckets and counters, many keys in one atomic call. Written for Redis 6.2.
--
-- KEYS[i]  what is limited (ids only)
-- ARGV     six values for each key: kind, give, need, want, a, b
--   kind   'bucket' (a = tokens per second, b = most tokens) or 'counter' (a = limit, b = milliseconds to live)
--   give   unused tokens handed back
--   need   tokens that callers wait for now: granted as far as they reach
--   want   tokens wished for beyond need, as a lease: granted only within 1/8 of what remains
-- returns  for each key: granted, remaining after, milliseconds until one more token (-1: not before the counter ends)

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function granted_of(available, need, want)
  local granted = math.min(need, available)
  if granted == need and want > 0 then
    granted = math.max(granted, math.min(need + want, math.floor(available / 8)))
  end
  return granted
end

local function bucket(key, give, need, want, rate, most)
  local stored = redis.call('HMGET', key, 'tokens', 'at')
  local tokens = most
  if stored[1] then
    local elapsed = math.max(0, now - tonumber(stored[2]))
    tokens = math.min(most, tonumber(stored[1]) + elapsed * rate + give)
  end
  -- a request passes when at least one token is left after it took its own: the last token is never given
  local granted = granted_of(math.max(0, math.floor(tokens - 1)), need, want)
  tokens = tokens - granted
  if stored[1] or granted > 0 then
    redis.call('HSET', key, 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
    redis.call('PEXPIRE', key, math.ceil((most - tokens) / rate * 1000) + 1000)
  end
  local remaining = math.max(0, math.floor(tokens - 1))
  local wait = 0
  if remaining == 0 then
    wait = math.max(1, math.ceil((2 - tokens) / rate * 1000))
  end
  return granted, remaining, wait
end

local function counter(key, give, need, want, limit, live)
  local stored = redis.call('GET', key)
  local used = math.max(0, tonumber(stored or '0') - give)
  local granted = granted_of(math.max(0, limit - used), need, want)
  used = used + granted
  if stored or granted > 0 then
    redis.call('SET', key, string.format('%d', used), 'PX', live)
  end
  local remaining = math.max(0, limit - used)
  return granted, remaining, remaining > 0 and 0 or -1
end

local answers = {}
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 6
  local work = ARGV[at + 1] == 'bucket' and bucket or counter
  local granted, remaining, wait = work(key, tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]),
    tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]))
  answers[#answers + 1] = granted
  answers[#answers + 1] = remaining
  answers[#answers + 1] = wait
end
return answers
