-- Removes finished jobs that have stayed long enough: payload, description and id.
-- KEYS: set of finished jobs, payloads, prefix of descriptions. ARGV: seconds to stay, cursor, how many to look at, about.
-- Returns the next cursor and how many were removed.
redis.replicate_commands()
local before = tonumber(redis.call("time")[1]) - tonumber(ARGV[1])
local page = redis.call("sscan", KEYS[1], ARGV[2], "COUNT", ARGV[3])
local removed = 0
for _, id in ipairs(page[2]) do
    local description = KEYS[3] .. ":" .. id
    local at = tonumber(redis.call("hget", description, "done_at"))
    if not at or at <= before then
        redis.call("hdel", KEYS[2], id)
        redis.call("del", description)
        redis.call("srem", KEYS[1], id)
        removed = removed + 1
    end
end
return {tonumber(page[1]), removed}
