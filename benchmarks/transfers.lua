-- Durable transfers, by wrk: random accounts, a key of its own for each.
-- arguments: a file with lines "token from_account_id to_account_id", a prefix for this run's keys, and perhaps
-- how many requests a second (0: as fast as they are answered) and how many of a hundred are reads (0)

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, nanoseconds; } timespec; int clock_gettime(int clock, timespec *now);")

local routes = {}
local prefix = ""
local count = 0
local reads_percent = 0
local next_slot = 0
failed_at = "" -- for done(), which runs elsewhere
local read_paths = { "/api/accounts/list", "/api/transactions/recent", "/api/transactions/list?limit=20" }

local function milliseconds()
  local now = ffi.new("timespec")
  ffi.C.clock_gettime(1, now) -- CLOCK_MONOTONIC
  return tonumber(now.seconds) * 1e3 + tonumber(now.nanoseconds) / 1e6
end

-- Whichever connection is free takes the next of the evenly spaced moments; a moment that is past is made up for.
local function pace(per_second)
  next_slot = milliseconds()
  return function()
    next_slot = next_slot + 1e3 / per_second
    return math.max(0, math.floor(next_slot - milliseconds() + 0.5))
  end
end

-- When something other than success was answered: a soak wants to know what else went on just then.
local function note_failure(status)
  if status >= 400 and #failed_at < 1e5 then
    failed_at = failed_at .. string.format("%.3f,", milliseconds() / 1e3)
  end
end

function setup(thread)
  thread:set("seed", os.time())
  the_thread = thread
end

function init(args)
  math.randomseed(seed)
  for line in io.lines(args[1]) do
    local token, from, to = line:match("(%S+) (%S+) (%S+)")
    routes[#routes + 1] = { token = token, from = from, to = to }
  end
  prefix = args[2]
  reads_percent = tonumber(args[4] or 0)
  local per_second = tonumber(args[3] or 0)
  if per_second > 0 then
    delay, response = pace(per_second), note_failure -- wrk calls what has one of these names
  end
end

function request()
  local route = routes[math.random(#routes)]
  local headers = { ["Authorization"] = "Bearer " .. route.token }
  if math.random(100) <= reads_percent then
    return wrk.format("GET", read_paths[math.random(#read_paths)], headers)
  end
  count = count + 1
  headers["Content-Type"] = "application/json"
  headers["Idempotency-Key"] = prefix .. "-" .. count
  local body = string.format('{"from_account_id":"%s","to_account_id":"%s","amount":"0.01"}', route.from, route.to)
  return wrk.format("POST", "/api/transactions/transfer", headers, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, "errors": %d, "failed_at": [%s]}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    the_thread:get("failed_at"):sub(1, -2)))
end
