-- Makes jobs that were just pushed ready to be taken. apalis-redis 1.0 schedules every job for "now", and promotes what is due with one
-- unpack(), which fails for ever once 8,000 are due at once.
-- KEYS: scheduled set, list of waiting jobs. ARGV: ids. Returns how many were promoted.
local promoted = 0
for _, id in ipairs(ARGV) do
    if redis.call("zrem", KEYS[1], id) == 1 then
        redis.call("rpush", KEYS[2], id)
        promoted = promoted + 1
    end
end
return promoted
