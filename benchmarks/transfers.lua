-- Load for wrk: transfers of 0.01 along random routes, each with a random UUID as its Idempotency-Key, and reads.
-- Arguments: a file with lines "token from_account_id to_account_id"; how many of a hundred requests are reads; and,
-- for an open loop, the requests per second and the seconds in which they are due.
--
-- Without a rate the loop is closed: each connection sends its next request when it has its answer. With a rate the
-- loop is open: requests are due at random moments (a Poisson process), whether or not earlier ones are answered. The
-- next due request is sent by any free connection. Its latency begins when it was due, so that time spent waiting for
-- a connection counts too (no coordinated omission). X-Request-ID carries its number, which the answer repeats.

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, nanoseconds; } timespec; int clock_gettime(int clock, timespec *now);")

local READS = { "/api/accounts/list", "/api/transactions/recent", "/api/transactions/list?limit=20" }
local NEVER = 1e9

local routes, reads_percent = {}, 0
local due, started -- milliseconds after `started` at which each request is due; nil in a closed loop
local scheduled, sent = 0, 0
latencies, failed_at, due_count = {}, "", 0 -- globals, since done() runs in another Lua state

local function milliseconds()
  local now = ffi.new("timespec")
  ffi.C.clock_gettime(1, now) -- CLOCK_MONOTONIC
  return tonumber(now.seconds) * 1e3 + tonumber(now.nanoseconds) / 1e6
end

-- Seed from the kernel, so that no other thread or run makes the same UUIDs.
local function seed()
  local source = assert(io.open("/dev/urandom", "rb"))
  local number = 0
  for byte in source:read(6):gmatch(".") do
    number = number * 256 + byte:byte()
  end
  source:close()
  math.randomseed(number)
end

local function uuid4()
  local function random16() return math.random(0, 0xffff) end
  return string.format("%04x%04x-%04x-4%03x-%04x-%04x%04x%04x", random16(), random16(), random16(),
    math.random(0, 0xfff), math.random(0x8000, 0xbfff), random16(), random16(), random16())
end

-- wrk calls it when a connection is free; returns for how long the connection waits. wrk's timers have a resolution of
-- a millisecond, so a request may be sent a little early, and is due then.
local function wait_until_due()
  if not started then
    started, sent = milliseconds(), 0 -- wrk has called request() once before, to see whether it works
  end
  scheduled = scheduled + 1
  local moment = due[scheduled]
  return moment and math.max(0, math.floor(started + moment - milliseconds())) or NEVER
end

local function record(status, headers)
  local now = milliseconds()
  local moment = due[tonumber(headers["x-request-id"] or headers["X-Request-ID"])]
  if moment and status < 400 then
    latencies[#latencies + 1] = now - started - moment
  elseif #failed_at < 1e5 then
    failed_at = failed_at .. string.format("%.3f,", now / 1e3)
  end
end

function setup(thread)
  the_thread = thread -- benchmarks.bank runs wrk with one
end

function init(args)
  seed()
  for line in io.lines(args[1]) do
    local token, from, to = line:match("(%S+) (%S+) (%S+)")
    routes[#routes + 1] = { token = token, from = from, to = to }
  end
  reads_percent = tonumber(args[2])
  local per_second, seconds = tonumber(args[3]), tonumber(args[4])
  if per_second > 0 then
    due = {}
    local moment = 0
    while moment < seconds * 1e3 do
      moment = moment - math.log(1 - math.random()) * 1e3 / per_second
      due[#due + 1] = moment
    end
    due_count = #due
    delay, response = wait_until_due, record -- wrk calls what has one of these names
  end
end

function request()
  local route = routes[math.random(#routes)]
  local headers = { ["Authorization"] = "Bearer " .. route.token }
  sent = sent + 1
  if started and due[sent] then -- after lost connections wrk may send more requests than were due
    due[sent] = math.min(due[sent], milliseconds() - started)
    headers["X-Request-ID"] = sent
  end
  if math.random(100) <= reads_percent then
    return wrk.format("GET", READS[math.random(#READS)], headers)
  end
  headers["Content-Type"] = "application/json"
  headers["Idempotency-Key"] = uuid4()
  local body = string.format('{"from_account_id":"%s","to_account_id":"%s","amount":"0.01"}', route.from, route.to)
  return wrk.format("POST", "/api/transactions/transfer", headers, body)
end

local function percentile(sorted, percent)
  return sorted[math.ceil(#sorted * percent / 100)] or 0
end

function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local succeeded = summary.requests - failed
  local p50, p99, longest = latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3
  if the_thread:get("due_count") > 0 then
    local sorted = the_thread:get("latencies")
    table.sort(sorted)
    succeeded = #sorted
    failed = the_thread:get("due_count") - succeeded
    p50, p99, longest = percentile(sorted, 50), percentile(sorted, 99), percentile(sorted, 100)
  end
  io.write(string.format('{"succeeded": %d, "errors": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, ' ..
    '"max_ms": %.2f, "failed_at": [%s]}\n', succeeded, failed, summary.duration / 1e6, p50, p99, longest,
    the_thread:get("failed_at"):sub(1, -2)))
end
