-- Counts a queue's jobs.
-- KEYS: payloads, list of waiting jobs, scheduled set, workers, prefix of workers' sets, done, given up.
-- Returns how many there are, wait, are scheduled, are held by workers, are done, are given up.
local held = 0
for _, worker in ipairs(redis.call("zrange", KEYS[4], 0, -1)) do
    held = held + redis.call("scard", KEYS[5] .. ":" .. worker)
end
return {
    redis.call("hlen", KEYS[1]), redis.call("llen", KEYS[2]), redis.call("zcard", KEYS[3]), held,
    redis.call("scard", KEYS[6]), redis.call("scard", KEYS[7])
}
