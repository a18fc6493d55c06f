-- Gives back what a worker that has ended still holds, and forgets the worker.
-- KEYS: the worker's set, list of waiting jobs, workers, the worker's description, prefix of jobs' descriptions. ARGV: its name.
-- Returns how many jobs were given back.
local ids = redis.call("smembers", KEYS[1])
for _, id in ipairs(ids) do
    redis.call("lpush", KEYS[2], id)
    redis.call("hset", KEYS[5] .. ":" .. id, "status", "Pending")
end
redis.call("del", KEYS[1], KEYS[4])
redis.call("zrem", KEYS[3], ARGV[1])
return #ids
